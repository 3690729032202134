
"use strict";
const box = document.querySelector(".filter");
if (box) {
  const cards = [...document.querySelectorAll("details.verdict")];
  const count = box.querySelector("output");
  const apply = () => {
    const state = box.querySelector("#by-verdict").value;
    const level = box.querySelector("#by-level").value;
    const text = box.querySelector("#by-text").value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      const fits = (!state || card.dataset.verdict === state) && (!level || card.dataset.level === level) &&
        (!text || card.textContent.toLowerCase().includes(text));
      card.hidden = !fits;
      shown += fits;
    }
    for (const part of document.querySelectorAll("section.role"))
      part.hidden = !part.querySelector("details.verdict:not([hidden])");
    count.textContent = shown + " of " + cards.length + " shown";
  };
  box.addEventListener("input", apply);
  box.querySelector("button").addEventListener("click", () => {
    const open = cards.some((card) => !card.hidden && !card.open);
    for (const card of cards) if (!card.hidden) card.open = open;
  });
  box.hidden = false;
  apply();
}
