import pytest

from netcost.text.errors import RequestError
from netcost.timing.setting import EffectiveSetting, Timing, observed_dtype, timing_of


def test_left_alone_a_network_runs_eagerly_in_its_own_type_with_warm_caches():
    assert Timing() == Timing(dtype=None, memory_format=None, backend="eager", cold_cache=False)
    assert Timing().torch_dtype is None


@pytest.mark.parametrize(("dtype", "name"), [("fp32", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")])
def test_a_type_has_torch_s_own_name(dtype, name):
    assert Timing(dtype=dtype).torch_dtype == name
    assert observed_dtype({name}) == dtype


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"dtype": "float16"}, "--dtype 'float16' is unknown; expected one of fp32, bf16, fp16"),
        ({"dtype": "bf15"}, "did you mean bf16"),
        ({"memory_format": "channels-last"}, "did you mean channels_last"),
        ({"backend": "inductor"}, "--backend 'inductor' is unknown; expected one of eager, compile, cudagraph"),
        ({"backend": "cudagraph"}, "needs a GPU, and the device is cpu; use --device cuda"),
        ({"backend": "eager,openvino", "device": "cuda"}, "openvino runs on the CPU here, and the device is cuda"),
        ({"backend": "eager,compile,eager"}, "names one twice"),
    ],
)
def test_another_word_is_refused_with_what_is_known(words, said):
    with pytest.raises(RequestError, match=said):
        Timing(**words)


@pytest.mark.parametrize(
    ("names", "dtype"),
    [((), None), (("float64",), "float64"), (("float32", "float32"), "fp32"), (("float32", "float16"), "mixed")],
)
def test_the_type_of_what_was_left_alone_is_one_word(names, dtype):
    assert observed_dtype(names) == dtype


def test_a_setting_reads_as_words_and_as_plain_values():
    assert str(EffectiveSetting("bf16", "channels_last", "compile", cold_cache=True)) == (
        "bf16, channels_last, compile, cold caches"
    )
    assert str(EffectiveSetting(dtype=None)) == "contiguous, eager"
    assert EffectiveSetting().to_dict()["cold_cache"] is False


@pytest.mark.parametrize("given", [{"budget_s": -1.0}, {"budget_s": float("inf")}, {"precision": float("nan")}])
def test_a_negative_or_endless_budget_or_precision_is_refused(given):
    with pytest.raises(RequestError, match="expected a number of 0 or more"):
        Timing(**given)


def test_a_whole_timing_and_single_options_exclude_each_other():
    assert timing_of(None, "cuda", {"threads": 2}) == Timing("cuda", threads=2)
    for device, options in (("cpu", {"threads": 2}), ("cuda", {})):
        with pytest.raises(RequestError, match="timing= holds all settings"):
            timing_of(Timing(), device, options)


def test_what_means_nothing_to_a_command_is_refused_by_its_option():
    Timing(dtype="bf16").refuse("a profile", "backend", "isolate")
    with pytest.raises(RequestError, match="a profile has no --isolate; leave it out"):
        Timing(isolate=True).refuse("a profile", "backend", "isolate")
