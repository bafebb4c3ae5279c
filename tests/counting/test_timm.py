"""timm's models, over sixty names of as many families: every operator has a rule, and the parameters are exact."""

import pytest
import torch

import netcost
from netcost.counting.crosscheck import CLASSES, crosscheck

timm = pytest.importorskip("timm", reason="timm comes with netcost[test]")

NAMES = """
    botnet26t_256 eca_halonext26ts lambda_resnet26t bat_resnext26ts beit_base_patch16_224 caformer_s18 convformer_s18
    poolformerv2_s12 cait_xxs24_224 coat_lite_mini coatnet_0_rw_224 maxvit_tiny_rw_224 convit_tiny convmixer_768_32
    convnext_tiny convnextv2_tiny crossvit_9_240 cspdarknet53 davit_tiny deit3_small_patch16_224 densenet121 dla34
    dpn68 eca_nfnet_l0 edgenext_small efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientvit_b0
    efficientvit_m0 eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny ghostnetv2_100
    gmlp_s16_224 mixer_b16_224 resmlp_12_224 hgnetv2_b0 hiera_tiny_224 hrnet_w18_small inception_next_tiny
    inception_resnet_v2 inception_v4 legacy_xception legacy_senet154 levit_128 mambaout_femto mobilenetv3_large_100
    mobilevitv2_050 mvitv2_tiny nasnetalarge nest_tiny_jx nextvit_small pit_ti_224 pnasnet5large pvt_v2_b0 regnety_002
    repvit_m1_0 res2net50_26w_4s resnest14d resnetv2_50 rexnet_100 selecsls42b sequencer2d_s skresnet18 swiftformer_xs
    swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 tiny_vit_5m_224 tnt_s_patch16_224 tresnet_m twins_svt_small
    vgg11_bn visformer_tiny vit_base_patch16_224 vit_relpos_small_patch16_224 volo_d1_224 xception41 xcit_nano_12_p8_224
""".split()


def parameters_by_timm(name: str) -> int:
    """Counted without netcost, on a module that torch itself put on the meta device where its constructor allows."""
    try:
        with torch.device("meta"):
            module = timm.create_model(name)
    except (RuntimeError, NotImplementedError):  # it looks at values while it is built
        module = timm.create_model(name)
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_list_spans_at_least_thirty_families() -> None:
    families = {timm.models.model_entrypoint(name).__module__ for name in NAMES}
    assert len(set(NAMES)) == len(NAMES) >= 60
    assert len(families) >= 30


@pytest.mark.parametrize("name", NAMES)
def test_no_operator_is_unknown_and_parameters_are_exact(name: str) -> None:
    analysis = netcost.analyze(f"timm:{name}")
    assert analysis.unknown_ops == {}
    assert analysis.params_total == parameters_by_timm(name)
    assert 0 < analysis.params <= analysis.params_total


@pytest.mark.parametrize("name", ["swinv2_tiny_window8_256", "levit_128", "xcit_nano_12_p8_224", "mixer_b16_224"])
def test_mult_adds_are_those_of_flop_counter_mode(name: str) -> None:
    check = crosscheck(netcost.resolve(f"timm:{name}"))
    [torchs] = [other for other in check.others if other.name == "FlopCounterMode"]
    assert torchs.by_class is not None, torchs.failure
    assert check.unexplained(torchs) == {}
    assert sum(torchs.by_class[name] for name in CLASSES) == sum(check.ours.values())
