"""torchvision publishes, beside the weights of each model, its parameters and multiply-adds: ours must be those.

`num_params` is met exactly, by `params` (googlenet's metadata leaves its auxiliary heads out) or `params_total`
(inception_v3's keeps them in); `_ops`, in units of 10⁹, to its three decimals at the size of the weights' transform.
"""

import pytest

import netcost

torchvision = pytest.importorskip("torchvision", reason="torchvision comes with netcost[test]")
models = torchvision.models

NO_METADATA = "detection", "quantization", "optical_flow"
"""Families whose metadata counts another thing (detection: one image size of many) or that do not run on shapes."""


def counted_models() -> list[str]:
    names = []
    for name in models.list_models():
        module = models.get_model_builder(name).__module__
        if not any(family in module for family in NO_METADATA):
            names.append(name)
    return names


def test_torchvision_still_publishes_what_is_compared_here() -> None:
    assert len(counted_models()) >= 94


@pytest.mark.parametrize("name", counted_models())
def test_parameters_and_mult_adds_are_those_of_torchvisions_metadata(name: str) -> None:
    published = models.get_model_weights(name).DEFAULT.meta
    analysis = netcost.analyze(f"torchvision:{name}")
    assert published["num_params"] in (analysis.params, analysis.params_total)
    assert round(analysis.mult_adds / 1e9, 3) == published["_ops"]
    assert analysis.unknown_ops == {}


def test_googlenets_metadata_leaves_the_auxiliary_heads_out_and_inception_v3s_keeps_them_in() -> None:
    googlenet = netcost.analyze("torchvision:googlenet")
    assert googlenet.params == models.GoogLeNet_Weights.DEFAULT.meta["num_params"] < googlenet.params_total
    inception = netcost.analyze("torchvision:inception_v3")
    assert inception.params < models.Inception_V3_Weights.DEFAULT.meta["num_params"] == inception.params_total


def test_a_default_input_is_that_of_the_weights_own_transform() -> None:
    shapes = {
        "resnet50": (1, 3, 224, 224),
        "inception_v3": (1, 3, 299, 299),
        "fcn_resnet50": (1, 3, 520, 520),
        "r3d_18": (1, 3, 16, 112, 112),
        "vit_h_14": (1, 3, 518, 518),
    }
    for name, shape in shapes.items():
        target = netcost.resolve(f"torchvision:{name}")
        assert [spec.shape for spec in target.required_inputs()] == [shape], name
