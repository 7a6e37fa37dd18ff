"""One small pane per question of the guided setup."""
