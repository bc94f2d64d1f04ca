"""What happens while jobs run."""
