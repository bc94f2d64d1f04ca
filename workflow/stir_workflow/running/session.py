"""Start of a run: lock the folders, plan and check the experiments, show progress."""

import logging
import os
import sys
import sysconfig
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ExecMode

from stir.errors import StirError
from stir_workflow.planning.inputs import Inputs
from stir_workflow.planning.start import say_set_aside, start
from stir_workflow.running.clones import note_sharing
from stir_workflow.running.console import thin
from stir_workflow.running.failures import FailedLogs, KilledJobs
from stir_workflow.running.folder import check_entered, enter_folder
from stir_workflow.running.gpus import gpus_per_job, limit_to_this_node
from stir_workflow.running.progress import RunProgress
from stir_workflow.running.reported import Shown, shown_in_report
from stir_workflow.running.shared import SharedFolders
from stir_workflow.running.slurm import remember_settings
from stir_workflow.stages.owner import OWNER
from stir_workflow.store.storage import check_writable


class Session:
    """A run, or a process that executes a single job of a run on another node, which does not repeat the checks.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Snakemake's workflow.
    config : mapping
        ``experiment``, ``scale`` and ``device``.

    Raises
    ------
    StirError
        If an experiment is invalid, or this node lacks a requested resource.
    """

    def __init__(self, workflow: Any, config: Mapping[str, str]) -> None:
        self._workflow = workflow
        self._is_main = workflow.exec_mode == ExecMode.DEFAULT
        if self._is_main:
            enter_folder()
            note_sharing()
            self._shared = SharedFolders()
            self._other = self._shared.try_hold()
        self.plan = start(config, main_process=self._is_main, undisturbed=self._is_main and self._other is None)
        self.device = config.get("device", "auto")
        self.gpus_per_job = gpus_per_job(self.device)
        self._inputs = Inputs(self.plan, self._is_forced, self._before_the_graph)
        self.needed = self._inputs.needed
        if self._is_main:
            limit_to_this_node(workflow, self.gpus_per_job)
        self._show_progress()
        # Jobs end with this process, and find the command stir though no environment is activated; neither they nor
        # Snakemake's own processes run code of the current folder.
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        os.environ |= {OWNER: str(os.getpid()), "PYTHONSAFEPATH": "1", "PATH": path}

    def _show_progress(self) -> None:
        """Print progress, and explain the signals that ended jobs; if jobs run on other nodes, also print logs of failed jobs."""
        log = logging.getLogger("snakemake.logging")
        log.addHandler(KilledJobs())
        if self._is_main:
            thin(log, self._workflow)
            log.addHandler(RunProgress(self._workflow.resource_settings.cores or 1))
            if self._workflow.nodes is not None:
                log.addHandler(FailedLogs())
                remember_settings()
        # Snakemake's log file may be on a full disk; a failure to write it must not cause a traceback.
        logging.raiseExceptions = False

    def studies(self) -> list[str]:
        """Return the targets of sensitivity studies; end the run if none is asked for."""
        targets = [path for path in self.plan.stage_paths("publication") if self.plan.by_path[path].inputs.get("sensitivity")]
        if not targets:
            sys.exit("error: Expected settings to vary for the rule sensitivity; got none. Add vary=all to --config.")
        return targets

    def reported(self) -> list[Shown]:
        """Return the published files that Snakemake's report shows; none if jobs are forced to run, which publish them again."""
        return [] if self._is_forced() else list(shown_in_report(self.plan))

    def check_folders(self) -> None:
        """Refuse to start jobs whose files could not be written.

        Raises
        ------
        StirError
            Naming the folder.
        """
        check_entered()
        missing = {Path(path).parent for path in self.plan.paths() if not self._inputs.is_there(path)}
        check_writable([Path("results"), *missing])

    def _is_forced(self) -> bool:
        """Return whether jobs with existing outputs are forced to run again."""
        settings = self._workflow.dag_settings
        return bool(settings.forceall or settings.forcetargets or settings.forcerun)

    def _before_the_graph(self) -> None:
        """Wait until no run of another clone uses the same folders, if there are jobs to run."""
        if self._is_main:
            self._set_triggers()
            _ = self._held

    def _set_triggers(self) -> None:
        """Let only missing files trigger jobs: existing ones are up to date, and a clone lacks what other triggers compare.

        Without a profile, as in a workflow that imports this one as a module, Snakemake's default is all triggers.
        """
        triggers = self._workflow.dag_settings.rerun_triggers
        if set(triggers) == set(RerunTrigger.all()):
            self._workflow.dag_settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
        elif set(triggers) != {RerunTrigger.MTIME}:
            sys.exit(
                f"error: Expected --rerun-triggers mtime; got {', '.join(sorted(map(str, triggers)))}. Leave the option out."
            )

    @cached_property
    def _held(self) -> None:
        executes = self._workflow.executor_plugin is not None and not self._workflow.dryrun
        if not executes or (not self._is_forced() and all(Path(path).exists() for path in self.plan.paths())):
            self._shared.release()
            if self._other:
                print(f"[stir] not checked, since a run in {self._other} uses them: data/ and results/", file=sys.stderr)
            return
        try:
            if self._shared.hold() or self._other:
                say_set_aside(self.plan)
        except StirError as error:
            sys.exit(f"error: {error}")
