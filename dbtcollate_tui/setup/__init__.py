"""The guided setup without a screen: draft, step order, what a change of answer invalidates."""
