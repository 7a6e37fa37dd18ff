"""The verification checklist: each check an object with id, evidence, causes and fixes."""
