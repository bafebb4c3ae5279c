import pytest

from netcost.text.errors import RequestError
from netcost.timing.setting import EffectiveSetting, Timing, observed_dtype


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
        ({"backend": "inductor"}, "--backend 'inductor' is unknown; expected one of eager, compile"),
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
    assert EffectiveSetting().to_dict() == {
        "dtype": "fp32",
        "memory_format": "contiguous",
        "backend": "eager",
        "cold_cache": False,
    }
