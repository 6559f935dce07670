// The playground: what stands in the fields is read, shown and compared by the libraries, in this page.
"use strict";

(() => {
  const field = (id) => document.getElementById("pg-" + id);
  const FIELDS = ["filter", "other", "tests", "call", "arch", "kernel", "reading"];
  const ARCHES = ["x86_64", "aarch64", "x86", "arm", "riscv64", "ppc64le", "s390x", "loongarch64", "mips64", "x32"];
  const EXAMPLES = {
    "a policy": { filter: "policy 1\narch x86_64\ndefault errno EPERM\nuse @startup.dynamic, @malloc, @exit, @files.read\nallow socket where family in {AF_UNIX, AF_INET}\n\ntest socket(AF_NETLINK, _, _) -> errno EPERM\ntest ptrace -> errno EPERM\n", call: "socket" },
    "a mitigation that allows everything": { filter: "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \"syscalls\": [\n {\"names\": [\"read\", \"write\", \"exit_group\", \"socket\"], \"action\": \"SCMP_ACT_ALLOW\"}]}\n", other: "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \"syscalls\": [\n {\"names\": [\"read\", \"write\", \"exit_group\"], \"action\": \"SCMP_ACT_ALLOW\"},\n {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"op\": \"SCMP_CMP_NE\", \"value\": 38}]},\n {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"op\": \"SCMP_CMP_NE\", \"value\": 40}]}]}\n", tests: "test socket(AF_ALG, _, _) -> errno EPERM\n" },
    "a unit of systemd": { filter: "[Service]\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\nSystemCallErrorNumber=EPERM\nRestrictAddressFamilies=AF_UNIX AF_INET\n", call: "socket" },
    "a program, as a C array": { filter: "{ 0x20, 0, 0, 4 },\n{ 0x15, 1, 0, 0xc000003e },\n{ 0x06, 0, 0, 0x80000000 },\n{ 0x20, 0, 0, 0 },\n{ 0x15, 0, 1, 39 },\n{ 0x06, 0, 0, 0x00050001 },\n{ 0x06, 0, 0, 0x7fff0000 },\n" },
  };
  // Bytes of a dropped file that is no text; what is typed replaces them.
  const dropped = { filter: null, other: null };

  const bytesOf = (text) => new TextEncoder().encode(text);
  const coded = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
    return btoa(text);
  };
  const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  function put(element, tag, name, text) {
    const part = document.createElement(tag);
    if (name) part.className = name;
    part.textContent = text;
    element.append(part);
    return part;
  }

  function notes(list, all) {
    list.replaceChildren();
    for (const note of all) {
      const item = put(list, "li", "", "");
      put(item, "span", "pg-" + note.severity, note.severity + (note.code ? " " + note.code : ""));
      const place = note.line ? " (line " + note.line + ", column " + note.column + ")" : "";
      put(item, "span", "", ": " + note.message + place);
      if (note.more.length) {
        const more = put(item, "ul", "", "");
        for (const line of note.more) put(more, "li", "", line);
      }
    }
  }

  function render(answer, milliseconds) {
    const failed = answer.errors.length > 0;
    field("answers").hidden = failed;
    field("errors").replaceChildren();
    if (failed) {
      field("summary").textContent = "This is no filter.";
      notes(put(field("errors"), "ul", "", ""), answer.errors);
      return;
    }
    const compiled = answer.instructions ? ", " + answer.instructions + " instructions" : "";
    field("summary").textContent = "Read as " + answer.form + compiled + "; computed in " + milliseconds.toFixed(0) + " ms.";
    field("shown").textContent = (answer.not_shown ? "# " + answer.not_shown + "\n" : "") + answer.shown;
    field("words").hidden = !answer.call;
    field("words").textContent = answer.call;
    notes(field("findings"), answer.findings);
    if (!answer.findings.length) put(field("findings"), "li", "", "Nothing.");
    const tested = answer.tests > 0 || answer.failed.length > 0;
    field("tests-heading").hidden = !tested;
    notes(field("failed"), answer.failed);
    if (tested && !answer.failed.length) put(field("failed"), "li", "pg-stricter", "All " + answer.tests + " hold for every call, proved.");
    const compared = answer.changes !== null || answer.other_errors.length > 0;
    field("changes-heading").hidden = !compared;
    const changes = field("changes");
    changes.hidden = !compared;
    changes.replaceChildren();
    for (const change of answer.changes || []) put(changes, "span", change.tone === "heading" ? "pg-tone-heading" : "pg-" + change.tone, change.text);
    if (answer.changes && !answer.changes.length) changes.textContent = "Nothing: they are equal for every call.";
    if (answer.other_errors.length) notes(put(changes, "ul", "", ""), answer.other_errors);
  }

  const input = (name) => dropped[name] || bytesOf(field(name).value);

  function settings() {
    const all = {};
    for (const name of ["arch", "kernel", "reading", "call"]) all[name] = field(name).value;
    return JSON.stringify(all);
  }

  // A picture is drawn when somebody looks at it. Its text is the words above, for whoever can't see it.
  function draw() {
    if (!field("tree").open) return;
    const picture = wasm_bindgen.draw(input("filter"), settings());
    field("drawing").hidden = !picture;
    field("undrawn").hidden = Boolean(picture);
    field("drawing").src = picture ? "data:image/svg+xml," + encodeURIComponent(picture) : "data:,";
    field("drawing").alt = "The decisions of the filter as a tree; the policy above says the same in words";
  }

  function update() {
    if (!input("filter").length) {
      field("answers").hidden = true;
      field("errors").replaceChildren();
      field("summary").textContent = "Paste a filter, drop a file on the field, or choose an example.";
      return;
    }
    const start = performance.now();
    const answer = JSON.parse(wasm_bindgen.look(input("filter"), input("other"), field("tests").value, settings()));
    render(answer, performance.now() - start);
    draw();
  }

  function fragment() {
    const state = {};
    for (const name of FIELDS) if (field(name).value) state[name] = field(name).value;
    for (const name of ["filter", "other"]) if (dropped[name]) state[name + "-bytes"] = coded(dropped[name]);
    return "#" + encodeURIComponent(coded(bytesOf(JSON.stringify(state))));
  }

  function restore() {
    if (location.hash.length < 2) return;
    try {
      const state = JSON.parse(new TextDecoder().decode(decoded(decodeURIComponent(location.hash.slice(1)))));
      for (const name of FIELDS) if (typeof state[name] === "string") field(name).value = state[name];
      for (const name of ["filter", "other"]) dropped[name] = state[name + "-bytes"] ? decoded(state[name + "-bytes"]) : null;
    } catch {
      // A place within the page, and no state.
    }
  }

  function listen() {
    for (const name of FIELDS) {
      field(name).addEventListener("input", () => {
        if (name in dropped) dropped[name] = null;
        update();
      });
    }
    for (const name of ["filter", "other"]) {
      const area = field(name);
      area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("pg-drop"); });
      area.addEventListener("dragleave", () => area.classList.remove("pg-drop"));
      area.addEventListener("drop", async (event) => {
        event.preventDefault();
        area.classList.remove("pg-drop");
        const file = event.dataTransfer.files[0];
        const bytes = file ? new Uint8Array(await file.arrayBuffer()) : bytesOf(event.dataTransfer.getData("text"));
        try {
          area.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
          dropped[name] = null;
        } catch {
          area.value = "(" + bytes.length + " bytes of " + file.name + ")";
          dropped[name] = bytes;
        }
        update();
      });
      // The keys of the book's pages are not for what is written here.
      area.addEventListener("keydown", (event) => event.stopPropagation());
    }
    field("example").addEventListener("change", () => {
      const example = EXAMPLES[field("example").value];
      if (!example) return;
      for (const name of ["filter", "other", "tests", "call"]) field(name).value = example[name] || "";
      dropped.filter = dropped.other = null;
      update();
    });
    field("share").addEventListener("click", async () => {
      history.replaceState(null, "", fragment());
      try {
        await navigator.clipboard.writeText(location.href);
        field("shared").textContent = "Copied.";
      } catch {
        field("shared").textContent = "The link is in the address bar.";
      }
    });
    field("tree").addEventListener("toggle", draw);
    window.addEventListener("hashchange", () => { restore(); update(); });
  }

  for (const name of Object.keys(EXAMPLES)) put(field("example"), "option", "", name).value = name;
  for (const name of ARCHES) put(field("arch"), "option", "", name).value = name;
  wasm_bindgen.initSync({ module: decoded(playgroundModule) });
  listen();
  restore();
  update();
  document.getElementById("playground").dataset.ready = "yes";
})();
