"""What happens while jobs run: one process that forks for each, runs that end with their jobs, folders that runs share."""
