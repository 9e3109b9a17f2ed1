"""What is said of sweeps: ranking, tests, tables, plots and pages."""
