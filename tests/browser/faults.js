(hit_px_min) => {
  const faults = [];
  const name = (element) => {
    const words = (element.textContent || element.getAttribute("aria-label") || "").slice(0, 24);
    return `${element.tagName}.${element.getAttribute("class") ?? ""} "${words}"`;
  };
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().width > 0;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)].filter(seen);

  const page = document.documentElement.scrollWidth;
  if (page > innerWidth) faults.push(`the page is ${page} px wide in ${innerWidth}`);

  // What belongs to a box stays within its sides.
  const inside = {
    ".pane": ".pane-head > *, .chat-head > *, .answering > *, .composer > *, .contact, .bubble, .notice, .banner > *",
    ".top": ".top > *",
    ".bubble": ".quote, .words, .file, .picture, .meta",
    ".contact": ".contact-text > * > *",
    ".menu": "button",
    ".dialog": ".dialog-form > *",
    ".emoji-panel": "button",
  };
  for (const [outer, inner] of Object.entries(inside)) {
    for (const box of all(outer)) {
      const { left, right } = box.getBoundingClientRect();
      for (const element of all(inner, box)) {
        const its = element.getBoundingClientRect();
        if (its.left < left - 1 || its.right > right + 1) faults.push(`${name(element)} sticks out of ${outer}`);
      }
    }
  }
  for (const element of all(".menu, .dialog, .emoji-panel")) {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) faults.push(`${name(element)} leaves the window`);
  }

  // What stands in one row, or one below the other, does not overlap.
  const rows = [
    ".top, .places, .panes, .pane, .pane-head, .chat, .chat-head, .composer, .list-head, .log-rows, .message, .file",
    ".contact, .contact-top, .contact-bottom, .dialog-form, .inspector, .devices, .device, .device dl, .device-buttons",
  ];
  for (const row of all(rows.join())) {
    const boxes = [...row.children].filter(seen).map((child) => [child, child.getBoundingClientRect()]);
    for (const [nth, [one, its]] of boxes.entries()) {
      for (const [other, others] of boxes.slice(nth + 1)) {
        const across = Math.min(its.right, others.right) - Math.max(its.left, others.left);
        const down = Math.min(its.bottom, others.bottom) - Math.max(its.top, others.top);
        if (across > 1 && down > 1) faults.push(`${name(one)} lies over ${name(other)}`);
      }
    }
  }

  // Words are all there, or end in dots on purpose.
  for (const element of all("button, .bubble, .bubble *, .notice, .device dl > *, .chat-who > *, .banner > *, h1, h2, h3, h4")) {
    const shortened = ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
    if (!shortened && element.scrollWidth > element.clientWidth + 1 && element.clientWidth) faults.push(`${name(element)} is cut off`);
  }

  // A finger hits it. The inspector is a workbench for a mouse.
  for (const button of all("button, a.file, select, input")) {
    const { width, height } = button.getBoundingClientRect();
    if (button.closest(".inspector, .search, .field")) continue;
    if (width < hit_px_min || height < hit_px_min) faults.push(`${name(button)} is ${width} by ${height} px`);
  }
  return faults;
}
