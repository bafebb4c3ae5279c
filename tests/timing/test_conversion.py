import logging
import threading
import warnings
from collections import namedtuple

import pytest
import torch
from torch import nn

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing import conversion
from netcost.timing.conversion import converted, converted_call, moved, observed
from netcost.timing.setting import EffectiveSetting, Timing

BF16, LAST = Timing(dtype="bf16"), Timing(memory_format="channels_last")


def network():
    """An integer buffer (of the normalisation), weights of four dimensions, and a shared one."""
    first, second = nn.Conv2d(4, 8, 3), nn.Conv2d(4, 8, 3)
    second.weight = first.weight
    return nn.Sequential(first, second, nn.BatchNorm2d(8), nn.Linear(8, 2))


def types(model):
    return [tensor.dtype for tensor in (*model.parameters(), *model.buffers())]


def is_last(tensor):
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


def test_what_is_as_asked_for_is_not_copied():
    model = network()
    assert converted(model, Timing()) is model
    assert converted(model, Timing(dtype="fp32", memory_format="contiguous")) is model
    x = torch.ones(2, 4, 5, 5)
    (args, _) = converted_call(((x,), {}), Timing(dtype="fp32", memory_format="contiguous"))
    assert args[0] is x


def test_another_type_is_that_of_a_copy_and_integers_keep_theirs():
    model = network()
    before = types(model)
    changed = converted(model, BF16)
    assert changed is not model
    assert types(model) == before
    assert set(types(changed)) == {torch.bfloat16, torch.int64}
    assert [torch.bfloat16 if dtype.is_floating_point else dtype for dtype in before] == types(changed)


def test_shared_weights_stay_shared():
    for setting in (BF16, LAST):
        changed = converted(network(), setting)
        assert changed[0].weight is changed[1].weight
    assert len(list(changed.parameters())) == len(list(network().parameters()))


def test_only_four_dimensional_floating_tensors_have_a_memory_format():
    model = nn.Sequential(network(), nn.Conv3d(2, 2, 3))
    changed = converted(model, LAST)
    assert [is_last(weight) for weight in changed.parameters()] == [weight.dim() == 4 for weight in model.parameters()]
    assert not any(is_last(weight) for weight in model.parameters())
    image, video, mask = torch.ones(2, 4, 5, 5), torch.ones(2, 4, 3, 5, 5), torch.ones(2, 4, 5, 5, dtype=torch.int64)
    (args, named) = converted_call(((image, video), {"mask": mask}), LAST)
    assert is_last(args[0])
    assert args[1] is video
    assert named["mask"] is mask


def test_values_and_results_stay_the_same():
    model, x = network()[0], torch.randn(2, 4, 5, 5)
    changed = converted(model, LAST)
    ((there,), _) = converted_call(((x,), {}), LAST)
    assert torch.allclose(changed(there), model(x), atol=1e-6)


def test_inputs_keep_their_containers_and_what_is_no_tensor():
    pair = namedtuple("pair", "image ids")
    ids = torch.zeros(3, dtype=torch.int64)
    args, named = converted_call(
        ((pair(torch.ones(2), ids), [torch.ones(1)], "words"), {"deep": {"x": torch.ones(1)}}), BF16
    )
    assert isinstance(args[0], pair)
    assert (args[0].image.dtype, args[0].ids is ids) == (torch.bfloat16, True)
    assert (args[1][0].dtype, args[2], named["deep"]["x"].dtype) == (torch.bfloat16, "words", torch.bfloat16)


def test_what_is_to_be_compiled_is_always_a_copy():
    model = network()
    assert converted(model, Timing(backend="compile")) is not model


def test_a_model_that_cannot_be_copied_says_so_in_one_line():
    model = nn.Linear(2, 2)
    model.lock = threading.Lock()
    with pytest.raises(MeasurementError, match=r"cannot be copied: TypeError: cannot pickle.*; time it by a function"):
        converted(model, BF16)
    assert converted(model, Timing()) is model


def test_the_setting_that_was_left_open_is_read_off_the_model_and_its_inputs():
    model, x = nn.Conv2d(4, 8, 3), torch.ones(2, 4, 5, 5)
    assert observed(model, ((x,), {}), Timing()) == EffectiveSetting()
    assert observed(model.double(), ((x.double(),), {}), Timing()).dtype == "float64"
    assert observed(model, ((x,), {}), Timing()).dtype == "mixed"
    last = x.contiguous(memory_format=torch.channels_last)
    assert observed(nn.ReLU(), ((last,), {}), Timing()) == EffectiveSetting(memory_format="channels_last")
    assert observed(nn.ReLU(), ((torch.ones(2, dtype=torch.int64),), {}), Timing()).dtype is None


def test_the_setting_that_was_asked_for_is_the_one_that_is_told():
    asked = Timing(dtype="bf16", memory_format="channels_last", backend="compile", cold_cache=True)
    assert observed(nn.ReLU(), ((), {}), asked) == EffectiveSetting("bf16", "channels_last", "compile", cold_cache=True)


def test_a_model_without_values_is_refused_whatever_the_setting():
    with torch.device("meta"):
        model = nn.Conv2d(4, 8, 3)
    for setting in (Timing(), BF16, LAST):
        with pytest.raises(RequestError, match="meta device"):
            moved(converted(model, setting), ((), {}), torch.device("cpu"))


def test_a_compiler_s_failure_is_one_line_with_the_way_out():
    before = logging.root.manager.disable
    with pytest.raises(MeasurementError) as caught, conversion.quiet_compiler():
        warnings.warn("a compiler's", UserWarning, stacklevel=1)
        raise RuntimeError(
            "backend='inductor' raised:\nInvalidCxxCompiler: No working C++ compiler found\n\nSet TORCH_"
        )
    assert str(caught.value) == (
        "torch.compile: RuntimeError: backend='inductor' raised: InvalidCxxCompiler: No working C++ compiler found; "
        "try --backend eager"
    )
    assert logging.root.manager.disable == before


def test_running_out_of_memory_while_compiling_stays_what_it_is():
    with pytest.raises(MeasurementError, match=r"^out of memory$"), conversion.quiet_compiler():
        raise MeasurementError("out of memory")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError"),
        (KeyError("a:\n"), "KeyError: 'a:\\n'"),
    ],
)
def test_an_error_is_told_by_its_first_line(error, line):
    assert conversion.first_line(error) == line


def test_each_batch_size_is_compiled_for_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda _, **options: asked.append(options))
    conversion.compiled(nn.ReLU())
    assert asked[0]["dynamic"] is False
