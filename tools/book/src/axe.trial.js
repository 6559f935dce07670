// What axe-core finds that is serious.
axe.run(document, { resultTypes: ["violations"] }).then((found) => {
  const bad = found.violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
  const lines = bad.map((violation) => violation.id + ": " + violation.help + ": " + violation.nodes.length + " as " + violation.nodes[0].html);
  document.documentElement.setAttribute("data-seen", lines.join("\n"));
});
