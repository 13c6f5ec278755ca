"""One module's mutants: made, tried and kept by cosmic-ray, in a copy of the project."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random

TESTS_FAIL = 3  # exit status of ``forked``

FOLDER = ".mutate"  # in the project: copies and results
_MODULES = Path(__file__).with_name("modules.toml")

# Of the many replacements for an operator the nearest ones: a test that sees them sees the others.
_OPERATORS = (
    "core/ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul)",
    "core/ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)",
    "core/ReplaceComparisonOperator_(Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt)",
    "core/ReplaceUnaryOperator_Delete_(Not|USub)",
    "core/(AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd)",
    "core/(ReplaceBreakWithContinue|ReplaceContinueWithBreak|NumberReplacer|ZeroIterationForLoop)",
)


class TestsFailError(Exception):
    """The tests fail on the module as it is, so they cannot judge a mutant."""

    __test__ = False


@dataclass(frozen=True)
class Mutant:
    """A change that no test noticed."""

    line: int
    change: str  # "old -> new", of one line of code


def modules() -> dict[str, list[str]]:
    """The tests of each module, by its path in the project."""
    return tomllib.loads(_MODULES.read_text("utf-8"))


class Session:
    """The mutants of ``module``, judged by ``tests``; both are paths in the project ``root``.

    Results are kept for as long as the module does not change. ``again`` forgets them. With
    ``sample`` only so many mutants are tried, drawn by chance, the same each time.
    """

    def __init__(
        self,
        root: Path,
        module: str,
        tests: list[str],
        again: bool = False,
        sample: int | None = None,
    ) -> None:
        self._module = module
        self._tests = tests
        self._sample = sample
        content = hashlib.sha256((root / module).read_bytes()).hexdigest()[:12]
        folder = root / FOLDER / f"{Path(module).stem}-{content}"
        if again:
            shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._copy = folder / "bgblur"
        self._results = folder / "results.sqlite"
        _copy_project(root, self._copy)

    def run(self, survivors: bool = False) -> None:
        """Try every mutant that has no result yet, with ``survivors`` those that survived, too.
        Raises TestsFailError."""
        config = self._folder / "config.toml"
        if not self._results.exists():
            config.write_text(self._config(), "utf-8")
            self._cosmic_ray("init", str(config), str(self._results))
            self._python(
                "-m", "cosmic_ray.tools.filters.operators_filter", str(self._results), str(config)
            )
            if self._sample is not None:
                self._draw(self._sample)
        which = "survivors" if survivors else "pending"
        arguments = (str(self._results), self._module, which, *self._tests)
        if (status := self._python("-m", "support.mutation.forked", *arguments)) != 0:
            tests = " ".join(self._tests)
            raise TestsFailError(
                f"tests of {self._module} fail as it is: scripts/test {tests}"
                if status == TESTS_FAIL
                else f"the mutants of {self._module} could not be tried"
            )

    def _draw(self, count: int) -> None:
        from cosmic_ray.work_db import WorkDB, use_db
        from cosmic_ray.work_item import WorkerOutcome, WorkResult

        with use_db(str(self._results), mode=WorkDB.Mode.open) as found:
            pending = sorted(found.pending_work_items, key=lambda item: repr(item.mutations))
            kept = {item.job_id for item in Random(count).sample(pending, min(count, len(pending)))}
            for item in pending:
                if item.job_id not in kept:
                    found.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))

    @property
    def total(self) -> int:
        """How many mutants were tried."""
        return len(self._outcomes())

    def survivors(self) -> list[Mutant]:
        return sorted(
            (mutant for mutant, survived in self._outcomes() if survived),
            key=lambda mutant: (mutant.line, mutant.change),
        )

    def _outcomes(self) -> list[tuple[Mutant, bool]]:
        from cosmic_ray.work_db import WorkDB, use_db
        from cosmic_ray.work_item import TestOutcome, WorkerOutcome

        outcomes = []
        with use_db(str(self._results), mode=WorkDB.Mode.open) as found:
            for item, result in found.completed_work_items:
                if result.worker_outcome is not WorkerOutcome.NORMAL:
                    continue  # left out by the filter
                line = item.mutations[0].start_pos[0]
                mutant = Mutant(line, _change(result.diff or ""))
                outcomes.append((mutant, result.test_outcome is TestOutcome.SURVIVED))
        return outcomes

    def _config(self) -> str:
        kept = "|".join(_OPERATORS)
        return f"""[cosmic-ray]
module-path = "{self._module}"
timeout = 0
excluded-modules = []
test-command = ""

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = [{_quoted(f"^(?!({kept})$)")}]
"""

    def _cosmic_ray(self, *arguments: str) -> None:
        if self._python("-m", "cosmic_ray.cli", *arguments) != 0:
            raise TestsFailError(f"cosmic-ray {arguments[0]} failed for {self._module}")

    def _python(self, *arguments: str) -> int:
        places = os.pathsep.join([str(self._copy), str(self._copy / "tests")])
        cache = {"BGBLUR_TESTS_CACHE": str(self._copy / ".cache")}
        environment = {**os.environ, **cache, "PYTHONPATH": places}
        command = [sys.executable, "-B", *arguments]
        return subprocess.run(
            command, cwd=self._copy, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode


def _quoted(text: str) -> str:
    return "'" + text + "'"


def _copy_project(root: Path, copy: Path) -> None:
    """The project's files as they are now, without what git ignores, and a link to its data."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = root / name, copy / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    data = copy.parent / "shared"
    if (root.parent / "shared").is_dir() and not data.exists():
        data.symlink_to((root.parent / "shared").resolve())


def _change(diff: str) -> str:
    """``old -> new`` of a unified diff; long statements are cut to the lines that differ."""
    old = [line[1:].strip() for line in diff.splitlines() if _is_code(line, "-")]
    new = [line[1:].strip() for line in diff.splitlines() if _is_code(line, "+")]
    return f"{' '.join(old)} -> {' '.join(new)}"


def _is_code(line: str, sign: str) -> bool:
    return line.startswith(sign) and not line.startswith(sign * 3)
