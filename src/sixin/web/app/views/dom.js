/** DOM: making elements. Text enters as text; nothing here parses HTML. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element. `on…` are listeners, `class` and `aria-…` attributes, what is `true` or `false` an attribute that is there
 * or not, the rest attributes as text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return element;
}

/**
 * Make an element's children these, touching only what differs, so that focus and selection stay.
 * @param {Element} parent
 * @param {Node[]} wanted
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  let place = parent.firstChild;
  for (const child of wanted) {
    if (child === place) place = place.nextSibling;
    else parent.insertBefore(child, place);
  }
}

/**
 * Into the clipboard; also where a browser lends none, on a page of plain http.
 * @param {string} text
 */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const before = document.activeElement;
  const field = h("textarea", { class: "unseen", readonly: true }, text);
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
}

/**
 * A button with a picture and a name that is read out and shown as a hint.
 * @param {string} icon_name
 * @param {string} name
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, any>} [attributes]
 */
export function iconButton(icon_name, name, onclick, attributes = {}) {
  const button = h("button", { type: "button", class: "icon-button", "aria-label": name, title: name, onclick, ...attributes });
  button.append(icon(icon_name));
  return button;
}

const SVG = "http://www.w3.org/2000/svg";

/** Strokes in a box of 24. */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  add: "M12 5v14M5 12h14",
  send: "M4 12l16-8-6 16-3-6z",
  smile: "M12 21a9 9 0 100-18 9 9 0 000 18zM8.5 14.5a4.5 4.5 0 007 0M9 9.5h.01M15 9.5h.01",
  attach: "M20 11.5l-8 8a5 5 0 01-7-7l8.5-8.5a3.3 3.3 0 014.7 4.7l-8.5 8.4a1.6 1.6 0 01-2.3-2.3l7.6-7.5",
  reply: "M10 5l-6 6 6 6M4 11h9a7 7 0 017 7v1",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  mute: "M4 9v6h4l5 4V5L8 9zM17 9l4 6M21 9l-4 6",
  down: "M12 5v14M6 13l6 6 6-6",
  clock: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2",
  sent: "M5 13l4 4L19 7",
  read: "M2 13l4 4L16 7M12 16l1 1L23 7",
  failed: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v6M12 16.5h.01",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  audio: "M4 10v4M8 7v10M12 4v16M16 8v8M20 10v4",
  video: "M4 6h11v12H4zM15 11l5-3v8l-5-3",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  inspect: "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5M8 9h6M8 13h4",
  theme: "M12 21a9 9 0 100-18 9 9 0 000 18zM12 3v18M12 7.5h5.5M12 12h8.5M12 16.5h5.5",
  language: "M4 6h10M9 4v2M12 6c-1 4-4 7-8 9M6 9c1 3 4 5 7 6M13 20l4-10 4 10M14.5 17h5",
  bell: "M6 17V11a6 6 0 1112 0v6l1.5 1.5h-15zM10 21h4",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  close: "M6 6l12 12M18 6L6 18",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5",
  place: "M12 21s7-6.2 7-11.5a7 7 0 10-14 0C5 14.8 12 21 12 21zM12 12a2.5 2.5 0 100-5 2.5 2.5 0 000 5z",
};

/**
 * @param {string} name
 * @param {string} [label] read out; without one it is only for the eye
 */
export function icon(name, label) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  if (label) {
    svg.removeAttribute("aria-hidden");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[/** @type {"more"} */ (name)]);
  svg.append(path);
  return svg;
}
