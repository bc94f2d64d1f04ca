#!/bin/sh
# Print the status of a SLURM job, given its number: success, failed or running.
state=$(squeue --noheader --states=all --jobs="$1" --format=%T 2>&1)
case $state in
    COMPLETED) echo success ;;
    # A job that SLURM has forgotten counts as failed: it runs again unless its files exist.
    *"Invalid job id"*) echo failed ;;
    BOOT_FAIL | CANCELLED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
    # This includes the case that the controller does not answer.
    *) echo running ;;
esac
