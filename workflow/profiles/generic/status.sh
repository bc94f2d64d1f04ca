#!/bin/sh
# Say of a SLURM job, named by its number, whether it is a success, failed or running.
state=$(squeue --noheader --states=all --jobs="$1" --format=%T 2>&1)
case $state in
    COMPLETED) echo success ;;
    # Forgotten by SLURM counts as failed: the job is made again, or its files are there.
    *"Invalid job id"*) echo failed ;;
    BOOT_FAIL | CANCELLED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
    # Also while the controller does not answer.
    *) echo running ;;
esac
