# SPDX-License-Identifier: Apache-2.0
"""Two kinds of plot in SVG, for docs/: lines over an axis of few ticks, and bars over a logarithmic one."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#0b6e99", "#c0392b", "#e08e0b", "#6a3d9a", "#2e8b57", "#7f8c8d", "#d81b60", "#1f3a93"]
DASHES = ["", "7 3", "2 3", "9 3 2 3"]
STYLE = ('font-family="DejaVu Sans, Verdana, sans-serif"')


class Canvas:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" {STYLE}>',
                      f'<title>{escape(title)}</title>', f'<rect width="{width}" height="{height}" fill="white"/>',
                      f'<text x="20" y="30" font-size="17" font-weight="bold" fill="#222">{escape(title)}</text>']

    def line(self, x1, y1, x2, y2, colour="#ddd", width=1, dash=""):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
                          + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def text(self, x, y, text, anchor="start", size=12, colour="#333", turn=False):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{turned}>{escape(text)}</text>')

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts) + "\n</svg>\n")


def plain(value):
    """1000000 as 1,000,000, and 0.01 as it is."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


class Lines:
    WIDTH, HEIGHT = 900, 520
    LEFT, RIGHT, TOP, BOTTOM = 90, 290, 55, 65

    def __init__(self, title, y_name, x_name):
        self.title, self.y_name, self.x_name = title, y_name, x_name
        self.x_ticks = []
        self.is_log = False
        self.lines = []

    def add(self, name, points):
        self.lines.append((name, points))

    def y_ticks(self, most, least):
        if self.is_log:
            return [10.0 ** e for e in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]
        step = 0.5 if most <= 4 else 1
        return [step * i for i in range(int(math.ceil(most / step)) + 1)]

    def write(self, path):
        canvas = Canvas(self.WIDTH, self.HEIGHT, self.title)
        values = [y for _, points in self.lines for _, y in points] or [1]
        ticks = self.y_ticks(max(values), min(values))
        scale = math.log10 if self.is_log else float
        low, high = scale(ticks[0]), scale(ticks[-1])
        right, bottom = self.WIDTH - self.RIGHT, self.HEIGHT - self.BOTTOM
        last = self.x_ticks[-1][0]

        def at(x, y):
            return self.LEFT + x / last * (right - self.LEFT), bottom - (scale(y) - low) / (high - low) * (bottom - self.TOP)

        for tick in ticks:
            _, y = at(0, tick)
            canvas.line(self.LEFT, y, right, y)
            canvas.text(self.LEFT - 8, y + 4, plain(tick) if self.is_log else f"{tick:g}", "end")
        for x, name in self.x_ticks:
            place, _ = at(x, ticks[0])
            canvas.line(place, self.TOP, place, bottom)
            canvas.text(place, bottom + 20, name, "middle")
        canvas.line(self.LEFT, self.TOP, self.LEFT, bottom, "#333")
        canvas.line(self.LEFT, bottom, right, bottom, "#333")
        canvas.text((self.LEFT + right) / 2, self.HEIGHT - 16, self.x_name, "middle", 13)
        canvas.text(24, (self.TOP + bottom) / 2, self.y_name, "middle", 13, turn=True)
        for i, (name, points) in enumerate(self.lines):
            colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
            path_points = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in points)
            canvas.parts.append(f'<polyline points="{path_points}" fill="none" stroke="{colour}" stroke-width="2.2"'
                                + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")
            if len(points) <= 6:
                canvas.parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="3.2" fill="{}"/>'.format(*at(x, y), colour) for x, y in points]
            place = self.TOP + 14 + i * 24
            canvas.line(right + 20, place - 4, right + 56, place - 4, colour, 2.2, dash)
            canvas.text(right + 64, place, name)
        canvas.write(path)


class Bars:
    WIDTH, LEFT, RIGHT, TOP, STEP = 980, 440, 110, 55, 28

    def __init__(self, title, x_name):
        self.title, self.x_name = title, x_name
        self.bars = []

    def add(self, name, value, is_ours):
        self.bars.append((name, value, is_ours))

    def write(self, path):
        bottom = self.TOP + self.STEP * len(self.bars) + 6
        canvas = Canvas(self.WIDTH, bottom + 60, self.title)
        values = [value for _, value, _ in self.bars] or [1]
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.01))
        right = self.WIDTH - self.RIGHT

        def at(value):
            return self.LEFT + (math.log10(value) - low) / max(1, high - low) * (right - self.LEFT)

        for exponent in range(low, high + 1):
            x = at(10.0 ** exponent)
            canvas.line(x, self.TOP - 6, x, bottom)
            canvas.text(x, bottom + 18, plain(10.0 ** exponent), "middle")
        for i, (name, value, is_ours) in enumerate(self.bars):
            y = self.TOP + i * self.STEP
            colour = COLOURS[0] if is_ours else "#9aa5ab"
            canvas.parts.append(f'<rect x="{self.LEFT}" y="{y}" width="{at(value) - self.LEFT:.1f}" height="{self.STEP - 9}" fill="{colour}"/>')
            canvas.text(self.LEFT - 10, y + 14, name, "end", 11.5)
            canvas.text(at(value) + 6, y + 14, f"{value:,.0f}", "start", 11.5)
        canvas.line(self.LEFT, self.TOP - 6, self.LEFT, bottom, "#333")
        canvas.text((self.LEFT + right) / 2, bottom + 44, self.x_name, "middle", 13)
        canvas.write(path)
