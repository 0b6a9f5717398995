"""What the comparisons of a build say of it."""

from __future__ import annotations

from tinydeploy.errors import MismatchError
from tinydeploy.validate.compare import Comparison


def judge_proof(host: Comparison, emulated: Comparison | None) -> str:
    """Says in words what was proven.

    Args:
        host: Of the host build with the reference.
        emulated: Of the emulated board; None where it was left out.

    Raises:
        MismatchError: Some byte differs; names the first difference.
    """
    places = [("the host build", host), ("the emulated board", emulated)]
    for place, comparison in places:
        if comparison is not None and not comparison.bit_exact:
            raise MismatchError(
                f"{place} differs from the reference in {comparison.bytes_mismatched:,} of "
                f"{comparison.bytes_compared:,} bytes; {comparison.first_difference}",
                "This is a bug in tinydeploy's kernels or passes: please report it with the model.",
            )
    more = "" if emulated is None else f", {emulated.vectors} in the emulated board"
    return f"bit-exact: {host.vectors} vectors on the host{more}"
