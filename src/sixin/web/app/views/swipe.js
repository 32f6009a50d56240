/** Swipe: a finger draws something a little to the right, and lets go. */

/** So far it has to be drawn. */
const FAR_PX = 56;

/**
 * `touch-action: pan-y` in the style leaves the sideways way to this.
 * @param {HTMLElement} element
 * @param {() => void} act
 */
export function onSwipe(element, act) {
  /** @type {{x: number, pointer: number} | null} */
  let from = null;
  const drawn = (/** @type {PointerEvent} */ event) => (from ? Math.max(0, Math.min(FAR_PX + 12, event.clientX - from.x)) : 0);
  const rest = () => {
    from = null;
    element.style.translate = "";
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") from = { x: event.clientX, pointer: event.pointerId };
  });
  element.addEventListener("pointermove", (event) => {
    if (from?.pointer === event.pointerId) element.style.translate = drawn(event) > 8 ? `${drawn(event)}px` : "";
  });
  element.addEventListener("pointerup", (event) => {
    const far = drawn(event) >= FAR_PX;
    rest();
    if (far) act();
  });
  element.addEventListener("pointercancel", rest);
}
