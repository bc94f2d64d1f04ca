"""A real SLURM of one node, this machine: with its configuration, its daemons, and the states of its jobs.

It writes /etc/slurm/slurm.conf and gres.conf, since the commands that SLURM starts within a job look nowhere else.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

CONFIGURATION = Path("/etc/slurm")
OURS = "# Written by the tests of STIR; not for use.\n"
DAEMONS = ("munged", "slurmctld", "slurmd")
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
# SLURM counts a GPU for each device file, and never opens it here.
GRES = "AutoDetect=off\nName=gpu File=/dev/null\nName=gpu File=/dev/zero\n"
# More than there may be: a retried job asks for more, and nothing here enforces it.
MEMORY_MB = 64000


def reason_against():
    """Say why no cluster can be started here; empty if one can."""
    if os.environ.get("STIR_TEST_SLURM") != "1":
        return "STIR_TEST_SLURM=1 is not set (these tests write the system's SLURM configuration)"
    if os.geteuid() != 0:
        return "SLURM's daemons are started by root alone"
    missing = [name for name in (*DAEMONS, "sbatch", "setpriv") if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)"
    return "" if find_spec("snakemake_executor_plugin_slurm") else "Snakemake cannot submit (pip install -e '.[cluster]')"


class Cluster:
    """The daemons, which end when this process does; their logs and state are in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self._running, self._written = {}, []

    def start(self):
        """Write the configuration, start the daemons, wait until the node takes jobs."""
        if _daemons_that_run():
            raise RuntimeError("SLURM's daemons run here already; these tests would disturb them.")
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self._write("slurm.conf", _slurm_conf(self.folder))
        self._write("gres.conf", GRES)
        self._start_munged()
        self.start_controller()
        self._run("slurmd", "slurmd", "-D")
        wait_for("the node to be idle", lambda: "idle" in _output("sinfo", "--noheader", "--format=%T"), self.errors)

    def stop(self):
        """End all jobs and daemons, and take the configuration back."""
        if "slurmd" in self._running and self._running["slurmctld"].poll() is None:
            subprocess.run(["scancel", "--full", "--user=root"], check=False, timeout=60)
            wait_for("the last job to end", lambda: not self.jobs("RUNNING,COMPLETING,PENDING"), self.errors)
        for name in reversed(self._running):
            self._running[name].terminate()
            self._running[name].wait(timeout=30)
        for path in self._written:
            path.unlink()

    def start_controller(self):
        """Start slurmctld, which continues with the jobs that it knew."""
        self._run("slurmctld", "slurmctld", "-D")
        wait_for("slurmctld to answer", lambda: "is UP" in _output("scontrol", "ping"), self.errors)

    def stop_controller(self):
        """Stop slurmctld normally; if killed, it may forget jobs that it started in the last seconds, and drain the node."""
        self._running["slurmctld"].terminate()
        self._running["slurmctld"].wait(timeout=30)

    def jobs(self, states="RUNNING"):
        """Return SLURM's number of every job in these states."""
        return _output("squeue", "--noheader", f"--states={states}", "--format=%A").split()

    def described(self):
        """Return what SLURM knows of all its jobs, newest last; tasks of an array are jobs of their own."""
        texts = _output("scontrol", "show", "job").split("\n\n")
        return sorted((_fields(text) for text in texts if "JobId=" in text), key=lambda job: int(job["JobId"]))

    def errors(self):
        """Return the ends of the daemons' logs."""
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))

    def _start_munged(self):
        if not MUNGE_SOCKET.exists() or not _output("munge", "--no-input"):
            MUNGE_SOCKET.parent.mkdir(exist_ok=True)
            shutil.chown(MUNGE_SOCKET.parent, "munge", "munge")
            self._run("munged", "--reuid=munge", "--regid=munge", "--init-groups", "munged", "--foreground", "--force")
        wait_for("munged to answer", lambda: _output("munge", "--no-input"), self.errors)

    def _write(self, name, text):
        path = CONFIGURATION / name
        if path.exists() and not path.read_text().startswith(OURS):
            raise RuntimeError(f"{path} is not of these tests; they do not write over it. Move it away, or run them elsewhere.")
        path.write_text(OURS + text)
        self._written.append(path)

    def _run(self, name, *command):
        with (self.folder / f"{name}.log").open("a") as log:
            died_with_us = ["setpriv", "--pdeathsig=TERM", *command]
            self._running[name] = subprocess.Popen(died_with_us, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)


def _daemons_that_run():
    """Return SLURM's daemons that are alive; those that ended and that nobody has waited for are not."""
    alive = (
        process.info for process in psutil.process_iter(["name", "status"]) if process.info["status"] != psutil.STATUS_ZOMBIE
    )
    return [process["name"] for process in alive if process["name"] in DAEMONS[1:]]


def _fields(text):
    """Read what `scontrol` says of one job: NAME=VALUE, where a value may hold blanks only at the end of a line."""
    return dict(re.findall(r"(\w[\w:/]*)=(\S*)", text))


def _slurm_conf(folder):
    host = socket.gethostname().split(".")[0]
    return f"""\
ClusterName=stir-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
MinJobAge=86400
KillWait=5
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory={MEMORY_MB} Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=2
"""


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


def wait_for(what, condition, errors=str, seconds=30):
    """Wait until a condition holds; otherwise fail with a description of the condition and of the problem."""
    last = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > last:
            raise TimeoutError(f"Waited {seconds} s for {what}.\n{errors()}")
        time.sleep(0.2)
