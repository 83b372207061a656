"""`python -m benchmarks [A1 A3 …]`: measure, print goal, limit, ours and ratio; information, so it exits 0."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from loguru import logger

from benchmarks import checkout, commands, gate, loop, page, peers, report, reports, scale, service, throughput
from benchmarks.figures import Figure, not_measured
from benchmarks.sizes import FULL, QUICK, Sizes

Family = Callable[[Sizes], Iterable[Figure]]

FAMILIES: dict[str, tuple[Family, ...]] = {
    "A1": (loop.enqueue_to_start,),
    "A2": (loop.exit_to_start,),
    "A3": (throughput.trivial_attempts,),
    "A4": (throughput.deliveries,),
    "A5": (scale.transitions,),
    "A6": (scale.idle_ticks, scale.changed_ticks),
    "A6b": (loop.wake_up_under_noise,),
    "A7": (checkout.attempt_start,),
    "A8": (commands.sync_tasks,),
    "A9": (commands.help_and_status,),
    "A10": (commands.bootstrap,),
    "B1": (service.start_to_ready,),
    "B2": (service.recovery,),
    "B3": (service.idle,),
    "B6": (page.page,),
    "D1": (gate.green_to_merged,),
    "D2": (gate.requests_per_delivery,),
    "D3": (gate.requests_of_recovery,),
    "E1": (reports.reading_time,),
    "E2": (reports.reading_quality,),
}


def measure(names: Iterable[str], sizes: Sizes, *, with_peers: bool = False) -> Iterator[Figure]:
    """The figures of these families, as they come. One that fails is a figure that says why; the others go on."""
    for name in names:
        for family in FAMILIES[name]:
            try:
                for figure in family(sizes):
                    yield _with_peers(figure, sizes) if with_peers else figure
            except Exception as error:  # figures are information: one that cannot be taken costs only itself
                yield not_measured(name, f"{type(error).__name__}: {error}")


def _with_peers(figure: Figure, sizes: Sizes) -> Figure:
    beside = peers.BESIDE.get(figure.key)
    return replace(figure, peers=beside(sizes)) if beside else figure


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = _arguments().parse_args(argv)
    before = report.load(options.compare) if options.compare else None
    logger.remove()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, what it started is ended as well
    start = time.monotonic()
    print(report.head(report.machine()), flush=True)
    figures = []
    for figure in measure(options.figures or FAMILIES, QUICK if options.quick else FULL, with_peers=options.peers):
        figures.append(figure)
        print(report.lines(figure), flush=True)
    result = report.document(figures, quick=options.quick)
    met = sum(figure.is_met is True for figure in figures)
    print(f"{met} of {sum(figure.goal is not None for figure in figures)} goals met; {time.monotonic() - start:.0f} s")
    file = options.json or report.default_file(result)
    report.save(result, file)
    print(f"kept in {file}")
    if before is not None:
        print(report.comparison(before, result))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", choices=[*FAMILIES, []], metavar="FIGURE", help=", ".join(FAMILIES))
    parser.add_argument("--quick", action="store_true", help="fewer samples: a first impression")
    parser.add_argument(
        "--peers", action="store_true", help="also measure what a user would pick instead, if installed"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to keep the result (default: benchmarks/results/)"
    )
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier result to compare with")
    return parser


if __name__ == "__main__":
    sys.exit(main())
