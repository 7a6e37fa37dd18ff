"""A list with the chosen row whole: below it, or in wide terminals beside it."""

from textual.containers import Horizontal


class ListAndDetail(Horizontal):
    """Lays out a `RowList` and a part of the class ``detail``."""

    DEFAULT_CSS = """
    ListAndDetail { height: 1fr; layout: vertical; padding: 1 0 0 0; }
    ListAndDetail > RowList { height: 1fr; padding: 0 1; }
    ListAndDetail > .detail {
        height: auto; max-height: 40%; padding: 0 2; border-top: solid $border-blurred;
    }
    ListAndDetail > .detail Static { height: auto; }
    .-wide ListAndDetail, .-widest ListAndDetail { layout: horizontal; }
    .-wide ListAndDetail > RowList, .-widest ListAndDetail > RowList { width: 3fr; }
    .-wide ListAndDetail > .detail, .-widest ListAndDetail > .detail {
        width: 2fr; height: 1fr; max-height: 100%; border-top: none; border-left: solid $border-blurred;
    }
    """
    SCOPED_CSS = False
