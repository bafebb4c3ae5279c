"""Linear algebra and Fourier transforms: textbook leading terms.

An algorithm of iterations has no exact count. Each rule gives the leading term of the textbook's algorithm, per matrix
of the batch. Reference: Golub and Van Loan, Matrix Computations, 4th edition: 3.2 (LU), 4.2 (Cholesky), 5.2 (QR),
8.3 (symmetric eigenvalues), 7.5 (eigenvalues), 8.6 (SVD).
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2, prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, is_complex, rule


def _textbook(op: Op, flops: int) -> Cost:
    """Count FLOPs, half products and half sums, per matrix: complex ones take 4 times as many."""
    batch = prod(op.inputs[0].shape[:-2])
    return access(op, flops=batch * flops * (1 + is_complex(op.inputs[0])))


def of_square(*names: str, thirds: int) -> Callable[[Op], Cost]:
    """Register operators of matrices (*, N, N) that take `thirds` / 3 of N³ FLOPs."""

    def cost(op: Op) -> Cost:
        return _textbook(op, thirds * op.inputs[0].shape[-1] ** 3 // 3)

    return rule(*names, kind=Kind.OTHER)(cost)


of_square(*aten("linalg_inv_ex linalg_inv"), thirds=6)  # LU, and N triangular systems
of_square(*aten("linalg_lu linalg_lu_factor linalg_lu_factor_ex _linalg_det _linalg_slogdet"), thirds=2)
of_square("aten.cholesky_inverse", thirds=2)  # LAPACK's potri: the inverse of the factor, and its square
of_square(*aten("cholesky linalg_cholesky linalg_cholesky_ex"), thirds=1)  # torch.cholesky: the first to 2.11
of_square("aten.linalg_eigvalsh", thirds=4)  # to tridiagonal form
of_square("aten.linalg_eigvals", "aten._linalg_eigvals", thirds=30)
of_square("aten.linalg_eig", thirds=75)


@rule("aten._linalg_eigh", "aten.linalg_eigh", kind=Kind.OTHER)
def symmetric_eigenvalues(op: Op) -> Cost:
    """Count 9 N³ FLOPs, or 4/3 N³ without the vectors."""
    size = op.inputs[0].shape[-1]
    return _textbook(op, 9 * size**3 if op.arguments.get("compute_v", True) else 4 * size**3 // 3)


@rule("aten.linalg_qr", "aten.geqrf", kind=Kind.OTHER)
def qr(op: Op) -> Cost:
    """Count 2 n² (m - n/3) FLOPs by Householder, for m the longer and n the shorter side; as many again for Q."""
    short, long = sorted(op.inputs[0].shape[-2:])
    triangle = 2 * short**2 * (3 * long - short) // 3
    return _textbook(op, triangle if op.name == "aten.geqrf" or op.arguments.get("mode") == "r" else 2 * triangle)


@rule("aten._linalg_svd", "aten.linalg_svd", "aten.linalg_svdvals", kind=Kind.OTHER)
def svd(op: Op) -> Cost:
    """Count 14 m n² + 8 n³ FLOPs for m the longer and n the shorter side, or 4 m n² - 4/3 n³ without the vectors."""
    short, long = sorted(op.inputs[0].shape[-2:])
    values_only = op.name == "aten.linalg_svdvals" or not op.arguments.get("compute_uv", True)
    return _textbook(op, 4 * short**2 * (3 * long - short) // 3 if values_only else 14 * long * short**2 + 8 * short**3)


@rule("aten._linalg_solve_ex", "aten.linalg_solve", kind=Kind.OTHER)
def solve(op: Op) -> Cost:
    """Solve for K right-hand sides by LU: 2/3 N³, and 2 N² each."""
    size = op.inputs[0].shape[-1]
    return _textbook(op, 2 * size**3 // 3 + 2 * size**2 * _right_hand_sides(op))


def _right_hand_sides(op: Op) -> int:
    """Count the columns of the solution (*, N, K), 1 for (*, N), whichever operand the matrix is."""
    size = op.inputs[0].shape[-1]
    return max(1, op.outputs[0].numel // max(1, prod(op.inputs[0].shape[:-2]) * size))


@rule(*aten("linalg_solve_triangular triangular_solve"), kind=Kind.OTHER)
def triangular_solve(op: Op) -> Cost:
    """Solve for K right-hand sides: N² FLOPs each."""
    matrix = op.operand("A") or op.inputs[0]
    return access(op, flops=op.outputs[0].numel * matrix.shape[-1] * (1 + is_complex(matrix)))


@rule(*aten("linalg_lu_solve cholesky_solve"), kind=Kind.OTHER)
def factored_solve(op: Op) -> Cost:
    """Solve two triangular systems for K right-hand sides: 2 N² FLOPs each."""
    output = op.outputs[0]
    return access(op, flops=2 * output.numel * output.shape[-2] * (1 + is_complex(output)))


@rule("aten.linalg_householder_product", "aten.ormqr", kind=Kind.OTHER)
def reflections(op: Op) -> Cost:
    """Apply n reflections of length m to a matrix of k columns: 4 m n k FLOPs."""
    reflectors, output = op.inputs[0], op.outputs[0]
    return access(op, flops=4 * output.numel * reflectors.shape[-1] * (1 + is_complex(reflectors)))


@rule("aten.linalg_lstsq", kind=Kind.OTHER)
def least_squares(op: Op) -> Cost:
    """Factor (m, n) by Householder, 2 n² (m - n/3) FLOPs, for m the longer and n the shorter side."""
    short, long = sorted(op.inputs[0].shape[-2:])
    return _textbook(op, 2 * short**2 * (3 * long - short) // 3)


@rule(*aten("_fft_c2c _fft_r2c _fft_c2r"), kind=Kind.OTHER)
def fourier(op: Op) -> Cost:
    """Count 5 N log2 N FLOPs per complex transform of N numbers, and half of it per real one: the convention.

    N is the product of all lengths that one transform spans. Reference: Van Loan, Computational Frameworks for the
    Fast Fourier Transform, section 1.4; the benchmark of FFTW (fftw.org/speed) uses it for any N.
    """
    signal = op.outputs[0] if op.name.endswith("c2r") else op.inputs[0]
    length = prod(signal.shape[dim] for dim in op.arguments["dim"])
    per_element = (5 if op.name.endswith("c2c") else 2.5) * log2(max(1, length))
    return access(op)._replace(flops=round(per_element * signal.numel))
