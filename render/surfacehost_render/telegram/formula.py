r"""Formulas as people write them by hand, for where nothing typesets them: `x^2 \in \mathbb{R}` is `x² ∈ ℝ`."""

# ruff: noqa: RUF001, RUF002 - signs that look like letters are what it is about

import re
from collections.abc import Iterator

_PIECE = re.compile(r"\\(?:[A-Za-z]+|.)|\s+|.", re.DOTALL)
_NAMED = """
alpha:α beta:β gamma:γ delta:δ epsilon:ε varepsilon:ε zeta:ζ eta:η theta:θ iota:ι kappa:κ lambda:λ mu:μ nu:ν xi:ξ pi:π
rho:ρ sigma:σ tau:τ phi:φ varphi:φ chi:χ psi:ψ omega:ω Gamma:Γ Delta:Δ Theta:Θ Lambda:Λ Xi:Ξ Pi:Π Sigma:Σ Phi:Φ Psi:Ψ
Omega:Ω times:× cdot:· div:÷ pm:± mp:∓ ast:∗ circ:∘ le:≤ leq:≤ ge:≥ geq:≥ ne:≠ neq:≠ approx:≈ equiv:≡ sim:∼ propto:∝
ll:≪ gg:≫ in:∈ notin:∉ subset:⊂ subseteq:⊆ supset:⊃ cup:∪ cap:∩ setminus:∖ emptyset:∅ forall:∀ exists:∃ neg:¬ land:∧
wedge:∧ lor:∨ vee:∨ oplus:⊕ otimes:⊗ to:→ rightarrow:→ leftarrow:← Rightarrow:⇒ implies:⇒ Leftrightarrow:⇔ iff:⇔
mapsto:↦ sum:∑ prod:∏ int:∫ partial:∂ nabla:∇ infty:∞ dots:… ldots:… cdots:⋯ angle:∠ perp:⊥ parallel:∥ mid:∣ ell:ℓ
hbar:ℏ langle:⟨ rangle:⟩ sin:sin cos:cos tan:tan log:log ln:ln exp:exp lim:lim max:max min:min det:det dim:dim gcd:gcd
ker:ker left: right: big: Big: displaystyle: limits:
"""
_SYMBOLS = {name: sign for name, _, sign in (pair.partition(":") for pair in _NAMED.split())}
_SIGNS = {"quad": " ", "qquad": " ", ",": " ", ";": " ", ":": " ", " ": " ", "!": "", "|": "‖"} | {
    sign: sign for sign in "{}%_&#$"
}
_BOARD = dict(zip("RNZQCPE", "ℝℕℤℚℂℙ𝔼", strict=True))
_WORDS = frozenset(("text", "mathrm", "mathbf", "mathit", "operatorname"))
_RAISED = dict(zip("0123456789+-=()niT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀ", strict=True))
_LOWERED = dict(zip("0123456789+-=()ijkmnptx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ᵢⱼₖₘₙₚₜₓ", strict=True))
_DEEPEST = 20


class _NoFormulaOfOurs(Exception):
    """There is something in it that can't be written in a line."""


def by_hand(latex: str) -> str | None:
    """*latex* in one line of ordinary characters, none where it has more than these can say."""
    try:
        line = " ".join(_read(iter(_PIECE.findall(latex)), "", 0).split())
        return re.sub(r"(?<=\() | (?=\))", "", line) or None
    except _NoFormulaOfOurs:
        return None


def _read(pieces: Iterator[str], end: str, depth: int) -> str:
    """What comes up to the piece *end*; empty: all of it."""
    parts: list[str] = []
    for piece in pieces:
        if piece == end:
            return "".join(parts)
        parts.append(_say(piece, pieces, depth))
    if end:
        raise _NoFormulaOfOurs
    return "".join(parts)


def _say(piece: str, pieces: Iterator[str], depth: int) -> str:
    if piece == "{":
        if depth == _DEEPEST:
            raise _NoFormulaOfOurs
        return _read(pieces, "}", depth + 1)
    if piece in "^_":
        return _moved(piece, _operand(pieces, depth))
    if piece in "}&":
        raise _NoFormulaOfOurs
    return _command(piece[1:], pieces, depth) if piece[0] == "\\" else piece.replace("~", " ")


def _command(name: str, pieces: Iterator[str], depth: int) -> str:
    known = _SYMBOLS.get(name, _SIGNS.get(name))
    if known is not None:
        return known
    if name == "frac":
        above, below = _operand(pieces, depth), _operand(pieces, depth)
        return "/".join(part if part.isalpha() else _whole(part) for part in (above, below))
    if name == "sqrt":
        return f"√{_whole(_operand(pieces, depth))}"
    if name in _WORDS:
        return _operand(pieces, depth)
    if name == "mathbb" and (letter := _BOARD.get(_operand(pieces, depth))):
        return letter
    raise _NoFormulaOfOurs


def _operand(pieces: Iterator[str], depth: int) -> str:
    piece = next((one for one in pieces if not one.isspace()), "")
    if not piece or piece in "[^_" or depth == _DEEPEST:
        raise _NoFormulaOfOurs
    return _say(piece, pieces, depth + 1)


def _moved(mark: str, operand: str) -> str:
    """*operand* raised or lowered, if there are such characters; else behind the *mark*, as it was."""
    signs = _RAISED if mark == "^" else _LOWERED
    moved = "".join(signs.get(sign, "") for sign in operand)
    return moved if operand and len(moved) == len(operand) else mark + _whole(operand)


def _whole(part: str) -> str:
    return part if len(part) == 1 or part.isdigit() else f"({part})"
