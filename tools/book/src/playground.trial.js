// What a reader does in the playground, and whether the page answers.
setTimeout(async () => {
  const field = (id) => document.getElementById("pg-" + id);
  const type = (id, text) => {
    field(id).value = text;
    field(id).dispatchEvent(new Event("input", { bubbles: true }));
  };
  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const wrong = [];
  const expect = (what, yes) => { if (!yes) wrong.push(what); };

  expect("ready", document.getElementById("playground").dataset.ready === "yes");
  type("filter", CONTAINER);
  expect("a profile is read", field("summary").textContent.includes("a container profile"));
  expect("a profile is shown", field("shown").textContent.includes("policy 1"));
  expect("findings", field("findings").children.length > 1);
  type("filter", "policy 1\narch x86_64\ndefault errno EPERM\nallow socket where family == AF_UNIX\n");
  type("call", "socket");
  expect("a call in words", field("words").textContent.includes("socket is executed where family == AF_UNIX"));
  field("tree").open = true;
  await wait(300);
  expect("a picture", decodeURIComponent(field("drawing").src).includes("AF_UNIX") && field("drawing").naturalWidth > 100);
  type("other", "policy 1\narch x86_64\ndefault errno EPERM\nallow socket where family == AF_INET\n");
  expect("changes", field("changes").textContent.includes("AF_INET"));
  expect("looser changes are marked", field("changes").querySelector(".pg-looser") !== null);
  type("tests", "test socket(AF_UNIX, _, _) -> allow\ntest socket(AF_INET, _, _) -> allow\n");
  expect("a test fails", field("failed").textContent.includes("AF_INET") || field("failed").textContent.includes("E0390"));
  field("share").click();
  await wait(100);
  const shared = location.hash;
  expect("a fragment", shared.length > 100);
  type("filter", "policy 1\nallow opnat\n");
  expect("an error with its place", field("errors").textContent.includes("line 2"));
  location.hash = "";
  await wait(100);
  location.hash = shared;
  await wait(200);
  expect("the fragment restores", field("filter").value.includes("AF_UNIX") && field("changes").textContent.includes("AF_INET"));
  const dropped = new Event("drop", { bubbles: true, cancelable: true });
  const raw = new Uint8Array([0x20, 0, 0, 0, 0, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
  // A file of the browser's is read beside the page's clock.
  dropped.dataTransfer = { files: [{ name: "f.bpf", arrayBuffer: async () => raw.buffer }] };
  field("filter").dispatchEvent(dropped);
  await wait(200);
  expect("a dropped program", field("summary").textContent.includes("a program of 2 instructions"));
  document.documentElement.setAttribute(SEEN, wrong.length ? wrong.join("; ") + " [" + field("summary").textContent + "]" : "ok");
}, 500);
