"""The pages: rendered here, complete without a script; the scripts only make them livelier."""
