(() => {
  const form = document.getElementById("filter");
  const words = document.getElementById("words");
  const verdict = document.getElementById("verdict");
  const count = document.getElementById("count");
  const rows = [...document.querySelectorAll("#all tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, index) => {
      const fits = (!verdict.value || row.dataset.verdict === verdict.value)
        && wanted.every((word) => texts[index].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    count.textContent = shown + " of " + rows.length;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
  const folded = [...document.querySelectorAll("details")];
  // A link to a line unfolds the text that has it; paper has everything.
  const unfold = () => {
    const line = location.hash && document.getElementById(location.hash.slice(1));
    const text = line && line.closest("details");
    if (text) { text.open = true; line.scrollIntoView(); }
  };
  addEventListener("hashchange", unfold);
  unfold();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = folded.filter((one) => !one.open);
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
})();
