"""One net on one board at one resolution: what it needs, how long it takes, whether it fits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinydeploy.board import Board
from tinydeploy.compare.random_net import hash_sources, make_random_net
from tinydeploy.errors import BudgetError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.paths import cache_folder
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.cost import plan_cycles, plan_instructions
from tinydeploy.plan.flash import check_parameters, estimate_flash
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import Search, plan_layer_by_layer
from tinydeploy.source.source import Source, Watch
from tinydeploy.zoo.counts import CountBook, resize_input
from tinydeploy.zoo.registry import ModelEntry


@dataclass(frozen=True)
class Placement:
    """A net on a board.

    Args:
        net: Its name.
        height: Of the input.
        width: Of the input.
        own_size: It is the size that published figures are for.
        parameters: Trainable values.
        macs: Multiply-accumulates at that resolution.
        top1: As published, for the net's own size; percent.
        flash: Bytes: estimated, exact where measured; None where the parameters are too many.
        ram_layerwise: Bytes of the arena with one layer after the other.
        ram: Bytes of the arena as planned; the least that it can do with, where that does not fit.
        instructions: Of one inference: estimated by the planner's costs, or measured.
        latency_ms: Estimated from them; on a board it is longer by caches' misses and wait states.
        measured: The image was built, run in the emulated board, and bit-exact there.
        reason: Why it does not fit; empty where it does.
    """

    net: str
    height: int
    width: int
    own_size: bool
    parameters: int
    macs: int
    top1: float | None
    flash: int | None = None
    ram_layerwise: int | None = None
    ram: int | None = None
    instructions: int | None = None
    latency_ms: float | None = None
    measured: bool = False
    reason: str = ""

    @property
    def fits(self) -> bool:
        """It can be built."""
        return not self.reason


def place_net(
    entry: ModelEntry,
    size: int | None,
    board: Board,
    book: CountBook,
    *,
    optimize: Optimize = "balanced",
    measure: Watch | None = None,
) -> Placement:
    """Places a net with random weights.

    Args:
        entry: The net.
        size: Height and width of the input; None for the net's own.
        board: The board.
        book: Knows its size.
        optimize: What kernels and schedules are chosen for.
        measure: Build it, prove it bit-exact and run it in the emulated board; shown the stages.

    Raises:
        UsageError: The net does not take inputs of that size.
        MismatchError: Measured, and a byte differs from the reference.
    """
    if entry.counted is not None and entry.counted.parameters > board.flash_budget:
        size = None  # whatever the size; others could not be counted without its package
    shape = resize_input(entry, size)
    counts = book.count(entry, size)
    published = entry.published
    start = Placement(
        net=entry.name,
        height=shape[2],
        width=shape[3],
        own_size=shape == entry.input_shape,
        parameters=counts.parameters,
        macs=counts.macs,
        top1=None if published is None else published.top1,
    )
    try:
        check_parameters(entry.name, counts.parameters, board, board.flash_budget)
    except BudgetError as error:
        return replace(start, reason=f"flash: {error.message}")
    content = make_random_net(entry, size)
    kept = _Kept(content, board, optimize, measured=measure is not None)
    found = kept.read(start)
    if found is None:
        found = _place(start, content, board, optimize)
        if measure is not None and found.fits:
            found = _measure(found, content, board, optimize, measure)
        kept.write(found)
    return found


def _place(start: Placement, content: bytes, board: Board, optimize: Optimize) -> Placement:
    graph = fuse_graph(read_graph(content, start.net))
    found = replace(start, ram_layerwise=plan_layer_by_layer(graph, board, optimize).arena_bytes)
    search = Search(graph, board, None, optimize, "arena")
    places = search.find()
    if places is None:
        needed = search.tightest.packing.size
        room = search.rooms.total
        found = replace(found, ram=needed, reason=f"RAM: {needed:,} bytes, room for {room:,}")
    else:
        plan = search.make_plan(*places)
        found = replace(
            found,
            ram=plan.arena_bytes,
            instructions=plan_instructions(graph, plan),
            latency_ms=1000 * plan_cycles(graph, plan, board.cpu) / board.clock_hz,
        )
    try:
        return replace(found, flash=estimate_flash(graph, board, board.flash_budget).image)
    except BudgetError as error:
        return replace(found, reason=f"flash: {error.message}")


def _measure(
    found: Placement, content: bytes, board: Board, optimize: Optimize, watch: Watch
) -> Placement:
    """The figures of the image that would be flashed."""
    request = BuildRequest(board=board.name, model=found.net, optimize=optimize, keep=False)
    source = Source(found.net, f"{found.net} with random weights", content)
    try:
        report = build_image(request, watch, source).report
    except BudgetError as error:
        return replace(found, reason=error.message)
    assert report.inference is not None
    return replace(
        found,
        flash=report.memory.flash_bytes,
        ram=report.memory.arena_bytes,
        instructions=report.inference.instructions,
        latency_ms=report.inference.latency_ms_estimated,
        measured=True,
    )


def parse_sizes(text: str) -> tuple[int, ...]:
    """`96,128` as numbers, in their order.

    Raises:
        UsageError: Something else, or one that no net takes.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 8 <= int(word) <= 1024 for word in words):
        raise UsageError(
            f"'{text}' is no list of resolutions from 8 to 1024",
            "Write heights of square inputs: --resolution 96,128,160,224.",
        )
    return tuple(dict.fromkeys(map(int, words)))


class _Kept:
    """A placement in the cache, of the same file on the same board by the same code."""

    def __init__(self, content: bytes, board: Board, optimize: Optimize, *, measured: bool) -> None:
        sources = hash_sources("graph", "plan", "board")
        if measured:
            sources += hash_sources("codegen", "project", "emulate", firmware=True)
        digest = hashlib.sha256(content)
        digest.update(f"{board!r} {optimize} {measured} {sources}".encode())
        self._path: Path = cache_folder() / "placements" / f"{digest.hexdigest()[:32]}.json"

    def read(self, start: Placement) -> Placement | None:
        """What was found; None where nothing was, or the file is damaged."""
        try:
            found = Placement(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return replace(found, parameters=start.parameters, macs=start.macs, top1=start.top1)

    def write(self, found: Placement) -> None:
        """Keeps it; a cache that cannot be written is done without."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(asdict(found)), encoding="utf-8")
        except OSError:
            pass
