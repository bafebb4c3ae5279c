"""Activations and point-wise arithmetic (G4): FLOPs per output element, as the sum of elementary steps.

An addition, multiplication, comparison, exp, logarithm, trigonometric or other special function and root is one step.
Between complex numbers a product is 6 FLOPs, a division 11, a magnitude 4, and every other step 2.
"""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.graph.rules.registry import CostRule, access, is_complex, rule

ONE_STEP = """
    relu relu6 threshold neg abs sign exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal square sin cos tan
    asin acos atan sinh cosh asinh acosh atanh tanh erf erfc erfinv floor ceil round trunc frac mul multiply div
    divide true_divide floor_divide sub subtract rsub pow float_power atan2 hypot fmod remainder maximum minimum fmax
    fmin eq ne lt le gt ge isnan isinf isfinite logical_and logical_or logical_not logical_xor bitwise_and bitwise_or
    bitwise_not bitwise_xor bitwise_left_shift bitwise_right_shift where masked_fill __and__ __or__ __xor__ __iand__
    __ior__ __ixor__ copysign bernoulli rand randn rand_like randn_like randint randint_like uniform normal
    normal_functional exponential randperm multinomial poisson heaviside signbit sgn complex polar view_as_real_copy
    angle outer ger conj_physical _conj_physical gamma lgamma digamma i0 deg2rad rad2deg nextafter ldexp gcd lcm
    logaddexp2 isposinf isneginf isreal isin cauchy geometric log_normal random __lshift__ __rshift__ __ilshift__
    __irshift__ resolve_conj resolve_neg positive igamma igammac polygamma special_erfcx special_i0e special_i1
    special_i1e special_log_ndtr special_ndtri special_zeta special_airy_ai special_bessel_j0 special_bessel_j1
    special_bessel_y0 special_bessel_y1 special_modified_bessel_i0 special_modified_bessel_i1
    special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0
    special_scaled_modified_bessel_k1 special_spherical_bessel_j0
""".split()

MORE_STEPS = {
    "clamp": 2,  # compare with each bound
    "clip": 2,
    "clamp_min": 1,
    "clamp_max": 1,
    "hardtanh": 2,
    "leaky_relu": 2,  # compare, multiply
    "prelu": 2,
    "_prelu_kernel": 2,
    "rrelu": 2,
    "elu": 3,  # compare, exp, subtract
    "celu": 4,  # and a division
    "selu": 4,  # and a multiplication
    "sigmoid": 4,  # negate, exp, add, divide
    "logit": 3,  # subtract, divide, log
    "log_sigmoid": 4,  # negate, exp, add, log
    "log_sigmoid_forward": 4,
    "softplus": 3,  # exp, add, log
    "silu": 5,  # sigmoid, multiply
    "mish": 5,  # softplus, tanh, multiply
    "hardsigmoid": 4,  # add, two comparisons, divide
    "hardswish": 5,  # hardsigmoid, multiply
    "hardshrink": 2,
    "softshrink": 3,
    "glu": 5,  # sigmoid of one half, multiply by the other
    "addcmul": 3,  # two products and a sum
    "addcdiv": 3,
    "lerp": 3,  # subtract, multiply, add
    "nan_to_num": 3,
    "frexp": 1,
    "special_expit": 4,
    "sinc": 3,
    "addr": 3,  # two products and a sum
    "special_entr": 3,  # log, multiply, negate
    "special_xlog1py": 3,  # add, log, multiply
    "xlogy": 2,  # log, multiply
    "logaddexp": 4,  # subtract, exp, add, log
    "quantize_per_tensor": 4,  # divide, round, two comparisons
    "quantize_per_tensor_dynamic": 6,  # and the least and the largest element
    "quantize_per_channel": 4,
    "dequantize": 2,  # subtract, multiply
    "fake_quantize_per_tensor_affine": 6,  # quantise and back
    "fake_quantize_per_channel_affine": 6,
    "_fused_moving_avg_obs_fq_helper": 8,  # and the least and the largest element
    "renorm": 3,  # square, sum, scale
    "isclose": 6,  # subtract, two absolute values, scale, add, compare
}


def pointwise(steps: int) -> CostRule:
    """Make the rule of operators that take `steps` FLOPs per output element."""

    def cost(op: Op) -> Cost:
        return access(op, flops=steps * op.outputs[0].numel)

    return cost


def complex_pointwise(steps: int) -> CostRule:
    """Make the rule of an operator that takes one FLOP on real numbers, and `steps` on complex ones alone."""

    def cost(op: Op) -> Cost:
        others = [value for value in op.arguments.values() if isinstance(value, int | float)]
        if others or not all(is_complex(tensor) for tensor in op.inputs):
            return pointwise(1)(op)
        return access(op)._replace(flops=steps * op.outputs[0].numel)

    return cost


COMPLEX = {"mul": 6, "multiply": 6, "outer": 6, "ger": 6, "div": 11, "divide": 11, "true_divide": 11, "abs": 4}

for _name, _steps in (dict.fromkeys(ONE_STEP, 1) | MORE_STEPS).items():
    _rule = complex_pointwise(COMPLEX[_name]) if _name in COMPLEX else pointwise(_steps)
    rule(f"aten.{_name}", kind=Kind.ELEMENTWISE)(_rule)


@rule("aten.gelu", kind=Kind.ELEMENTWISE)
def gelu(op: Op) -> Cost:
    """Use the error function: divide by root 2, erf, add, halve, multiply; or its tanh approximation.

    That is: cube (2), scale and add (2), scale, tanh, add, halve, multiply.
    """
    return pointwise(9 if op.arguments.get("approximate") == "tanh" else 5)(op)


@rule("aten.add", kind=Kind.ELEMENTWISE)
def add(op: Op) -> Cost:
    """Add, and multiply where `alpha` scales the second operand."""
    return pointwise(1 if op.arguments.get("alpha", 1) == 1 else 2)(op)
