"""What the tests of pictures share: nothing that is written in one is cut off at its edge."""

from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def inside(figure: Figure) -> None:
    """All titles, labels and legends of the figure lie within it, once it is drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ticks = {id(text) for tick in figure.findobj(Tick) for text in tick.findobj(Text)}  # some are kept, but not drawn
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if id(text) not in ticks and text.get_visible() and text.get_text().strip():
            box, whole = text.get_window_extent(canvas.get_renderer()), figure.bbox
            within = min(box.x0, box.y0) >= -1 and box.x1 <= whole.width + 1 and box.y1 <= whole.height + 1
            assert within, (text.get_text(), box.bounds, whole.bounds)
