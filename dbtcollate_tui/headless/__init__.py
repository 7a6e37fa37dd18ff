"""The commands without the app: each loads a profile, runs what the screens run, and gives an exit code."""
