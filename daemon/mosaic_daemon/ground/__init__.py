"""What every layer stands on: settings, errors, files, git, time, logs. Knows nothing of tasks."""
