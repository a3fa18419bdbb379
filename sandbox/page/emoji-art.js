// The symbols an operations workspace lives on, drawn: they look the same on every machine, with or without an emoji font.

const SPACE = "http://www.w3.org/2000/svg";
const DISC = "M10 1.6a8.4 8.4 0 1 0 0 16.8 8.4 8.4 0 0 0 0-16.8z";
const SQUARE = "M4 2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z";
const TICK = "M5.2 10.4l3.2 3.2 6.4-7";
const CROSS = "M5 5l10 10M15 5L5 15";
const SIGN = "M10 2.2 18.6 17.4H1.4z";
const OCTAGON = "M6.4 1.6h7.2l4.8 4.8v7.2l-4.8 4.8H6.4l-4.8-4.8V6.4z";
const [RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, BROWN, GREY, INK] =
  ["#d93a2f", "#e8862a", "#e9b824", "#2f9e5b", "#3577d4", "#8a5cc7", "#8a5a3c", "#98a3a8", "#39454b"];

/** Each a list of strokes and fills: [path, fill] or [path, null, stroke, width]. */
const ART = {
  "🔴": [[DISC, RED]], "🟠": [[DISC, ORANGE]], "🟡": [[DISC, YELLOW]], "🟢": [[DISC, GREEN]], "🔵": [[DISC, BLUE]], "🟣": [[DISC, PURPLE]], "🟤": [[DISC, BROWN]],
  "⚪": [[DISC, "#eef0f1"], [DISC, null, GREY, 1.2]], "⚫": [[DISC, INK], [DISC, null, GREY, 0.8]],
  "🟥": [[SQUARE, RED]], "🟧": [[SQUARE, ORANGE]], "🟨": [[SQUARE, YELLOW]], "🟩": [[SQUARE, GREEN]], "🟦": [[SQUARE, BLUE]],
  "⬜": [[SQUARE, "#eef0f1"], [SQUARE, null, GREY, 1.2]], "⬛": [[SQUARE, INK]],
  "✅": [[SQUARE, GREEN], [TICK, null, "#fff", 2.6]],
  "☑": [[SQUARE, BLUE], [TICK, null, "#fff", 2.6]],
  "✔": [[TICK, null, GREEN, 3]],
  "❌": [[CROSS, null, RED, 3.4]], "✖": [[CROSS, null, GREY, 3.2]],
  "⚠": [[SIGN, YELLOW], ["M10 7.4v4.8M10 14.8v.01", null, "#4a3500", 2.1]],
  "❓": [["M6.6 6.6a3.4 3.4 0 1 1 5.2 2.9c-1.2.8-1.8 1.5-1.8 3M10 16.2v.01", null, RED, 2.8]],
  "❔": [["M6.6 6.6a3.4 3.4 0 1 1 5.2 2.9c-1.2.8-1.8 1.5-1.8 3M10 16.2v.01", null, GREY, 2.8]],
  "❗": [["M10 3v8.6M10 16.2v.01", null, RED, 3.2]],
  "⛔": [[DISC, RED], ["M5.5 10h9", null, "#fff", 3]],
  "🚫": [["M10 2.6a7.4 7.4 0 1 0 0 14.8 7.4 7.4 0 0 0 0-14.8zM5 15 15 5", null, RED, 2.2]],
  "🛑": [[OCTAGON, RED], ["M6.5 10h7", null, "#fff", 2.4]],
  "ℹ": [[SQUARE, BLUE], ["M10 9.2v5M10 5.8v.01", null, "#fff", 2.4]],
  "➕": [["M10 4v12M4 10h12", null, GREEN, 3]], "➖": [["M4 10h12", null, GREY, 3]],
  "⏳": [["M5 2h10v2.5c0 2.5-3.5 4-3.5 5.5s3.5 3 3.5 5.5V18H5v-2.5C5 13 8.5 11.5 8.5 10S5 7 5 4.5z", "#e8d9b8"], ["M6.5 16.5c0-1.5 2-2.5 3.5-3.5 1.5 1 3.5 2 3.5 3.5zM8 6.5h4c-.5 1-1.5 1.5-2 2.5-.5-1-1.5-1.5-2-2.5z", ORANGE], ["M4 2h12M4 18h12", null, BROWN, 1.8]],
  "⌛": [["M5 2h10v2.5c0 2.5-3.5 4-3.5 5.5s3.5 3 3.5 5.5V18H5v-2.5C5 13 8.5 11.5 8.5 10S5 7 5 4.5z", "#e8d9b8"], ["M6 17c0-2.5 2.5-3.5 4-4.5 1.5 1 4 2 4 4.5z", ORANGE], ["M4 2h12M4 18h12", null, BROWN, 1.8]],
  "⏱": [["M10 4.5a6.7 6.7 0 1 0 0 13.4 6.7 6.7 0 0 0 0-13.4z", "#f2f4f5"], ["M10 4.5a6.7 6.7 0 1 0 0 13.4 6.7 6.7 0 0 0 0-13.4zM8 1.8h4M10 2v2.5M10 11.2V7.5", null, INK, 1.7]],
  "⏰": [["M10 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "#f2f4f5"], ["M10 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM10 7v3.5l2.5 1.5M2.5 5 5 2.5M17.5 5 15 2.5M5.5 16 4 18M14.5 16l1.5 2", null, RED, 1.7]],
  "🕐": [[DISC, "#f2f4f5"], ["M10 2.4a7.6 7.6 0 1 0 0 15.2 7.6 7.6 0 0 0 0-15.2zM10 5.5V10l3.2 2", null, INK, 1.7]],
  "📌": [["M11.5 2 18 8.5l-1.5 1-1.5-.3-3 3 .2 3L10.5 17 3 9.5 4.8 7.8l3 .2 3-3-.3-1.5z", RED], ["M6.5 13.5 2.5 17.5", null, GREY, 1.8]],
  "📍": [["M10 2a5.5 5.5 0 0 1 5.5 5.5C15.5 11.5 10 18 10 18S4.5 11.5 4.5 7.5A5.5 5.5 0 0 1 10 2z", RED], ["M10 5.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z", "#fff"]],
  "👀": [["M5.5 4C3.4 4 2 6.7 2 10s1.4 6 3.5 6S9 13.3 9 10 7.6 4 5.5 4zM14.5 4C12.4 4 11 6.7 11 10s1.4 6 3.5 6 3.5-2.7 3.5-6-1.4-6-3.5-6z", "#fbfcfc"], ["M5.5 4C3.4 4 2 6.7 2 10s1.4 6 3.5 6S9 13.3 9 10 7.6 4 5.5 4zM14.5 4C12.4 4 11 6.7 11 10s1.4 6 3.5 6 3.5-2.7 3.5-6-1.4-6-3.5-6z", null, GREY, 1.1], ["M4.6 8.5a1.7 2.2 0 1 0 0 4.4 1.7 2.2 0 0 0 0-4.4zM13.6 8.5a1.7 2.2 0 1 0 0 4.4 1.7 2.2 0 0 0 0-4.4z", INK]],
  "🚨": [["M5 14V9.5a5 5 0 0 1 10 0V14z", RED], ["M8 9.5a2 2 0 0 1 2-2", null, "#ffd9d4", 1.6], ["M3.5 14.5h13v3h-13z", INK], ["M10 1.2v1.5M3.2 3.8l1.2 1.2M16.8 3.8 15.6 5", null, ORANGE, 1.6]],
  "🔥": [["M10.5 1.5c.5 3.5 5.5 5.5 5.5 10.5a6 6 0 0 1-12 0c0-2.5 1.5-4 2.5-5.5.3 1.5 1 2.2 1.8 2.5C8 6 9 3.5 10.5 1.5z", ORANGE], ["M10.3 9c.3 2 2.7 2.7 2.7 5.3a3 3 0 0 1-6 0c0-1.5 1-2.2 1.5-3 .3.7.6 1 1 1.2-.2-1.3.1-2.5.8-3.5z", YELLOW]],
  "⚡": [["M11.5 1.5 4 11.5h5l-1.2 7L16 8.5h-5.2z", YELLOW]],
  "🔒": [["M4 9h12v9H4z", YELLOW], ["M6.5 9V6.5a3.5 3.5 0 0 1 7 0V9", null, GREY, 2]],
  "🔓": [["M4 9h12v9H4z", YELLOW], ["M6.5 9V5.5a3.5 3.5 0 0 1 6.8-1", null, GREY, 2]],
  "🔑": [["M13 2.5a4.5 4.5 0 1 0-3.7 7.1L3 16v2h3l.5-2h2v-2h2l1.6-2.5A4.5 4.5 0 0 0 13 2.5zM14 5.5v.01", null, "#c99a1a", 2]],
  "🔔": [["M4 14.5c1.5-1.5 1.5-3 1.5-6a4.5 4.5 0 0 1 9 0c0 3 0 4.5 1.5 6z", YELLOW], ["M8.5 16.5a1.7 1.7 0 0 0 3 0M10 2v1.5", null, "#c99a1a", 1.8]],
  "🔗": [["M8.5 11.5a3 3 0 0 0 4.5.3l3-3a3.2 3.2 0 0 0-4.5-4.5L10 5.5M11.5 8.5a3 3 0 0 0-4.5-.3l-3 3a3.2 3.2 0 0 0 4.5 4.5L10 14.5", null, GREY, 2]],
  "📝": [["M4 2h12v16H4z", "#f4f1e6"], ["M4 2h12v16H4z", null, GREY, 1], ["M6.5 6h7M6.5 9h7M6.5 12h4", null, GREY, 1.3], ["M11 16.5l5.5-7.5", null, ORANGE, 2.2]],
  "📋": [["M3.5 3.5h13V18h-13z", "#b58a5a"], ["M5.5 5.5h9V16h-9z", "#fbfaf5"], ["M7 2h6v3H7z", GREY], ["M7.5 8.5h5M7.5 11h5M7.5 13.5h3", null, GREY, 1.2]],
  "💡": [["M10 1.5a5.7 5.7 0 0 1 3.5 10.2c-.7.6-1 1.3-1 2.3h-5c0-1-.3-1.7-1-2.3A5.7 5.7 0 0 1 10 1.5z", YELLOW], ["M7.5 15.5h5M8.5 17.8h3", null, GREY, 1.6]],
  "🔍": [["M8.5 2.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12z", "#dbe9f2"], ["M8.5 2.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM13 13l5 5", null, INK, 2]],
  "🔧": [["M17 5.5a4.5 4.5 0 0 1-6 5.5l-6 6.5a1.7 1.7 0 0 1-2.5-2.5L9 9a4.5 4.5 0 0 1 5.5-6L12 5.5l.5 2 2 .5z", "#8b979d"]],
  "📦": [["M2.5 6 10 2.5 17.5 6v9L10 18.5 2.5 15z", "#c79a63"], ["M2.5 6 10 9.5 17.5 6M10 9.5v9M6 4.5l7.5 3.5", null, "#8a6436", 1.2]],
  "🔄": [["M16 8.5A6.3 6.3 0 0 0 4.8 6.5M4 11.5a6.3 6.3 0 0 0 11.2 2M4.5 3v4h4M15.5 17v-4h-4", null, BLUE, 2]],
  "↩": [["M8 4 4 8l4 4M4.5 8H12a4 4 0 0 1 0 8H8", null, BLUE, 2.2]],
  "➡": [["M3 10h13M11 5l5 5-5 5", null, BLUE, 2.4]],
  "🚧": [["M1.5 5h17v6h-17z", YELLOW], ["M5 5l-3 6M10 5l-3 6M15 5l-3 6M18.2 7l-1.7 4", null, INK, 1.8], ["M4 11v7M16 11v7", null, GREY, 1.8]],
  "💬": [["M3 3h14a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 17 14h-6l-5 4v-4H3a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 3 3z", "#7fa9c9"]],
  "📞": [["M4.5 2.5 7.5 2l2 4.5L7.5 8c.7 2 2.5 3.8 4.5 4.5l1.5-2 4.5 2-.5 3c-.2 1.2-1 2-2.5 2C8 17.5 2.5 12 2.5 5c0-1.5.8-2.3 2-2.5z", INK]],
  "📟": [["M2 5h16v10H2z", INK], ["M4 7h12v4H4z", "#a9d6b4"], ["M5 13.2v.01M9 13.2v.01M13 13.2v.01", null, "#d6dcdf", 1.4]],
  "📈": [["M2 2h16v16H2z", "#f2f4f5"], ["M2 2h16v16H2z", null, GREY, 0.8], ["M4 14l4-4 3 2.5L16.5 5", null, GREEN, 2]],
  "📉": [["M2 2h16v16H2z", "#f2f4f5"], ["M2 2h16v16H2z", null, GREY, 0.8], ["M4 5l4 5 3-2.5 5.5 7.5", null, RED, 2]],
  "📊": [["M2 2h16v16H2z", "#f2f4f5"], ["M5.5 16v-5", null, GREEN, 3], ["M10 16V5", null, RED, 3], ["M14.5 16V8.5", null, BLUE, 3]],
  "🔌": [["M6 8h8v3a4 4 0 0 1-8 0z", INK], ["M8 8V3M12 8V3M10 15v4", null, INK, 1.8]],
  "🛟": [["M10 3.8a6.2 6.2 0 1 0 0 12.4 6.2 6.2 0 0 0 0-12.4z", null, RED, 4], ["M10 1.8v4M10 14.2v4M1.8 10h4M14.2 10h4", null, "#fff", 2.6]],
  "🏁": [["M4 2v16", null, GREY, 1.8], ["M5 3h12v8H5z", "#eef0f1"], ["M5 3h3v2.7H5zM11 3h3v2.7h-3zM8 5.7h3v2.6H8zM14 5.7h3v2.6h-3zM5 8.3h3V11H5zM11 8.3h3V11h-3z", INK]],
  "⏸": [[SQUARE, BLUE], ["M7.5 6v8M12.5 6v8", null, "#fff", 2.4]],
  "▶": [[SQUARE, BLUE], ["M7.5 5.5 14 10l-6.5 4.5z", "#fff"]],
  "⏹": [[SQUARE, BLUE], ["M6.5 6.5h7v7h-7z", "#fff"]],
};

const TEXT_STYLE = /\uFE0F/gu;

/** The drawing of a glyph; undefined where there is none. */
export function drawn(glyph) {
  const shapes = ART[String(glyph).replace(TEXT_STYLE, "")];
  if (!shapes) return undefined;
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "emoji-art");
  svg.setAttribute("aria-hidden", "true");
  for (const [path, fill, stroke, width] of shapes) {
    const node = document.createElementNS(SPACE, "path");
    node.setAttribute("d", path);
    node.setAttribute("fill", fill ?? "none");
    if (stroke) {
      node.setAttribute("stroke", stroke);
      node.setAttribute("stroke-width", width);
      node.setAttribute("stroke-linecap", "round");
      node.setAttribute("stroke-linejoin", "round");
    }
    svg.append(node);
  }
  return svg;
}

/** Finds the glyphs that are drawn here in running text. */
export const DRAWN = new RegExp(`(?:${Object.keys(ART).filter((glyph) => !["✔", "✖", "➡", "↩", "ℹ", "▶"].includes(glyph)).join("|")})\\uFE0F?|[✔✖➡↩ℹ▶]\\uFE0F`, "gu");
