"""Activations and point-wise arithmetic (G4): FLOPs per output element, as the sum of elementary steps.

An addition, multiplication, comparison, exp, logarithm, trigonometric function and root is one step each.
"""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.graph.rules.registry import CostRule, access, rule

ONE_STEP = """
    relu relu6 threshold neg abs sign exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal square sin cos tan
    asin acos atan sinh cosh asinh acosh atanh tanh erf erfc erfinv floor ceil round trunc frac
    mul multiply div divide true_divide floor_divide sub subtract rsub pow float_power atan2 hypot
    fmod remainder maximum minimum fmax fmin eq ne lt le gt ge isnan isinf isfinite logical_and logical_or logical_not
    logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor bitwise_left_shift bitwise_right_shift
    where masked_fill __and__ __or__ __xor__ __iand__ __ior__ __ixor__ copysign
    bernoulli rand randn rand_like randn_like randint randint_like uniform normal normal_functional exponential
    randperm multinomial heaviside signbit complex polar view_as_real_copy angle
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
    "isclose": 6,  # subtract, two absolute values, scale, add, compare
}


def pointwise(steps: int) -> CostRule:
    """Make the rule of operators that take `steps` FLOPs per output element."""

    def cost(op: Op) -> Cost:
        return access(op, flops=steps * op.outputs[0].numel)

    return cost


for _name, _steps in (dict.fromkeys(ONE_STEP, 1) | MORE_STEPS).items():
    rule(f"aten.{_name}", kind=Kind.ELEMENTWISE)(pointwise(_steps))


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
