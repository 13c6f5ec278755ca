"""``scripts/mutate``: changes one thing at a time in the modules that hold the promise, and lists
the changes that no test notices."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from support.mutation.judged import judged
from support.mutation.session import Session, TestsFailError, modules

ROOT = Path(__file__).resolve().parents[3]


def main() -> int:
    options = _options()
    known = modules()
    chosen = [name for name in known if not options.module or Path(name).stem in options.module]
    missing = set(options.module) - {Path(name).stem for name in known}
    if missing:
        print(f"mutate: no tests are named for {', '.join(sorted(missing))}: choose from", end=" ")
        print(", ".join(Path(name).stem for name in known))
        return 2
    fresh = 0
    for name in chosen:
        try:
            session = Session(ROOT, name, known[name], again=options.again, sample=options.sample)
            session.run(options.survivors)
        except TestsFailError as error:
            print(f"mutate: {error}", file=sys.stderr)
            return 1
        fresh += _report(name, session)
    return 1 if fresh else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/mutate",
        description="Mutation testing (cosmic-ray) of the modules that hold the promise. It works "
        "on a copy; a run that was interrupted goes on where it ended. Exit status 1: a change "
        "survives that docs/promises.md does not judge.",
    )
    parser.add_argument("module", nargs="*", help="publisher, guard, ...; all if none is named")
    parser.add_argument("--again", action="store_true", help="forget the results of earlier runs")
    parser.add_argument("--survivors", action="store_true", help="try the survivors again, too")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants a module, not all")
    return parser.parse_args()


def _report(name: str, session: Session) -> int:
    """Print the survivors of a module; return how many of them docs/promises.md does not judge."""
    survivors = session.survivors()
    known = judged(ROOT)
    fresh = [mutant for mutant in survivors if (name, mutant.change) not in known]
    print(
        f"{name}: {session.total} mutants, {len(survivors)} survived, "
        f"{len(survivors) - len(fresh)} of them judged in docs/promises.md"
    )
    for mutant in fresh:
        print(f"  line {mutant.line}: {mutant.change}")
    return len(fresh)


if __name__ == "__main__":
    sys.exit(main())
