"""Reading review reports: files in, `finding.Report` out. Knows formats, and nothing of tasks."""
