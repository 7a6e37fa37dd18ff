"""These tests drive a real Chromium; without it (Debian: chromium, chromium-driver) none is collected."""

from tests.browser.chromium import programs

collect_ignore = [] if programs() is not None else ["test_serve.py", "test_coverage_page.py"]
