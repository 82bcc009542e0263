// The console's custom elements. Every page works without them; they spare a round trip or a hand movement.
// All words come from the page (data-*), so there is no catalogue of translations here.

/** Say something to screen readers through the page's one live region. */
function announce(text) {
  const region = document.getElementById("announcer");
  if (region) {
    region.textContent = "";
    setTimeout(() => (region.textContent = text), 50);
  }
}

/** Copy text; plain HTTP pages have no clipboard API, so there is the old way too. */
async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    return navigator.clipboard.writeText(text);
  }
  const box = document.createElement("textarea");
  box.value = text;
  box.readOnly = true;
  box.className = "only-read-aloud";
  const before = document.activeElement;
  (before?.closest("dialog") ?? document.body).append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  before?.focus();
  if (!done) {
    throw new Error("copying was refused");
  }
}

/** <ui-copy data-text data-done><button>: copies data-text and says so. */
class Copy extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    const label = button.innerHTML;
    button.addEventListener("click", async () => {
      try {
        await copyText(this.dataset.text);
      } catch {
        return;
      }
      announce(this.dataset.done);
      clearTimeout(this.timer);
      this.dataset.copied = "";
      if (!button.querySelector("svg")) {
        button.textContent = this.dataset.done;
      }
      this.timer = setTimeout(() => {
        delete this.dataset.copied;
        button.innerHTML = label;
      }, 1600);
    });
  }
}

/** <ui-menu><details>: closes on Escape, on a click elsewhere and when focus leaves. */
class Menu extends HTMLElement {
  connectedCallback() {
    const details = this.querySelector("details");
    const summary = details.querySelector("summary");
    document.addEventListener("click", (event) => {
      if (!this.contains(event.target)) {
        details.open = false;
      }
    });
    this.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.contains(event.relatedTarget)) {
        details.open = false;
      }
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && details.open) {
        details.open = false;
        summary.focus();
        event.stopPropagation();
      }
    });
  }
}

/** <ui-theme><form>: changes the theme at once and tells the server without leaving the page. */
class Theme extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form.addEventListener("submit", (event) => {
      const chosen = event.submitter;
      if (!chosen) {
        return;
      }
      event.preventDefault();
      const body = new FormData(form, chosen);
      document.documentElement.dataset.theme = chosen.value;
      for (const button of form.querySelectorAll("[aria-pressed]")) {
        button.setAttribute("aria-pressed", String(button === chosen));
      }
      const summary = this.closest("details")?.querySelector("summary");
      summary?.replaceChildren(chosen.querySelector("svg").cloneNode(true));
      announce(chosen.textContent.trim());
      fetch(form.action, { method: "POST", body, redirect: "manual" });
    });
  }
}

/** <ui-password>: adds the button that shows what was typed. */
class Password extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    this.append(this.querySelector("template").content.cloneNode(true));
    const button = this.querySelector("button");
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      button.title = shown ? this.dataset.hide : this.dataset.show;
    };
    button.addEventListener("click", () => show(input.type === "password"));
    input.form?.addEventListener("submit", () => show(false));
  }
}

/** <ui-filter><input>: fires ui:filter 250 ms after typing, never between the parts of a Hangul syllable. */
class Filter extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    let timer = 0;
    let last = input.value;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (input.value !== last) {
          last = input.value;
          input.dispatchEvent(new CustomEvent("ui:filter", { bubbles: true }));
        }
      }, 250);
    };
    input.addEventListener("input", (event) => event.isComposing || later());
    input.addEventListener("compositionstart", () => clearTimeout(timer));
    input.addEventListener("compositionend", later);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.isComposing) {
        event.preventDefault();
      }
    });
  }
}

/** <ui-dual-list>: the buttons, double click and keys of the two-list picker, without asking the server. */
class DualList extends HTMLElement {
  connectedCallback() {
    [this.available, this.chosen] = this.querySelectorAll("select");
    // The order the server gave; what is removed goes back to its place in it.
    this.ranks = new Map();
    for (const option of [...this.available.options, ...this.chosen.options]) {
      this.ranks.set(option.value, this.ranks.size);
      option.dataset.label ??= option.text;
    }
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button[value]");
      if (button) {
        event.preventDefault();
        this.apply(button.value);
      }
    });
    this.available.addEventListener("dblclick", () => this.apply("add"));
    this.chosen.addEventListener("dblclick", () => this.apply("remove"));
    this.available.addEventListener("keydown", (event) => this.key(event, { Enter: "add", ArrowRight: "add" }));
    this.chosen.addEventListener("keydown", (event) =>
      this.key(
        event,
        event.altKey
          ? { ArrowUp: "up", ArrowDown: "down" }
          : { Delete: "remove", Backspace: "remove", ArrowLeft: "remove", Enter: "remove" },
      ),
    );
  }

  key(event, table) {
    const operation = table[event.key];
    if (operation && !event.isComposing) {
      event.preventDefault();
      this.apply(operation);
    }
  }

  apply(operation) {
    const [from, to] = operation.startsWith("add") ? [this.available, this.chosen] : [this.chosen, this.available];
    if (operation === "up" || operation === "down") {
      return this.shift(operation === "up");
    }
    const all = operation.endsWith("-all");
    const moving = [...from.options].filter((option) => all || option.selected);
    if (!moving.length) {
      return;
    }
    const place = from.selectedIndex;
    for (const option of to.options) {
      option.selected = false;
    }
    to.append(...moving);
    for (const option of moving) {
      option.selected = true;
    }
    if (to === this.available) {
      to.append(...[...to.options].sort((a, b) => this.ranks.get(a.value) - this.ranks.get(b.value)));
    }
    const next = from.options[Math.min(Math.max(place, 0), from.options.length - 1)];
    if (next) {
      next.selected = true;
    }
    const text = to === this.chosen ? this.dataset.added : this.dataset.removed;
    this.changed(text.replace("{item}", moving.map((option) => option.dataset.label).join(", ")));
  }

  shift(up) {
    const options = [...this.chosen.options];
    const order = up ? options : options.reverse();
    for (let index = 1; index < order.length; index++) {
      if (order[index].selected && !order[index - 1].selected) {
        [order[index - 1], order[index]] = [order[index], order[index - 1]];
      }
    }
    this.chosen.append(...(up ? order : order.reverse()));
    const first = this.chosen.selectedOptions[0];
    if (first) {
      const position = [...this.chosen.options].indexOf(first) + 1;
      this.changed(
        this.dataset.moved
          .replace("{item}", first.dataset.label)
          .replace("{position}", position)
          .replace("{total}", this.chosen.options.length),
      );
    }
  }

  changed(text) {
    const name = this.dataset.name;
    this.querySelectorAll('input[type="hidden"]').forEach((input) => input.remove());
    [...this.chosen.options].forEach((option, index) => {
      option.text = `${index + 1}. ${option.dataset.label}`;
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value: option.value });
      this.append(input);
    });
    for (const option of this.available.options) {
      option.text = option.dataset.label;
    }
    const [left, right] = this.querySelectorAll("output");
    left.value = this.available.options.length;
    right.value = this.chosen.options.length;
    announce(text);
    this.dispatchEvent(new CustomEvent("ui:changed", { bubbles: true }));
  }
}

const chosenTabs = new Map();

/** <ui-tabs><nav><a href="#x">…<div><section id="x">: one section at a time; the choice outlives an htmx swap. */
class Tabs extends HTMLElement {
  connectedCallback() {
    this.links = [...this.querySelectorAll(':scope > nav a[href^="#"]')];
    for (const link of this.links) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.show(link);
      });
    }
    const before = this.links.find((link) => link.hash === chosenTabs.get(this.id));
    this.show(before ?? this.links[0]);
  }

  show(chosen) {
    chosenTabs.set(this.id, chosen.hash);
    for (const link of this.links) {
      link.toggleAttribute("aria-current", link === chosen);
      if (link === chosen) {
        link.setAttribute("aria-current", "true");
      }
      this.querySelector(link.hash).hidden = link !== chosen;
    }
  }
}

/** <ui-relock data-seconds data-href data-renew>: leaves a page with secrets in time; a minute before, it offers to
    stay, for which the field data-renew asks the server anew. */
class Relock extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => {
      document.querySelector(this.dataset.renew)?.dispatchEvent(new Event("change", { bubbles: true }));
      this.start();
    });
    this.start();
  }

  disconnectedCallback() {
    clearTimeout(this.soon);
    clearTimeout(this.end);
  }

  start() {
    this.disconnectedCallback();
    this.hidden = true;
    const total = Number(this.dataset.seconds) * 1000;
    this.soon = setTimeout(() => (this.hidden = false), Math.max(total - 60000, 0));
    this.end = setTimeout(() => location.replace(this.dataset.href), total);
  }
}

/** <ui-shortcuts><button>: single keys, off inside fields and when the person has switched them off. */
class Shortcuts extends HTMLElement {
  connectedCallback() {
    this.dialog = document.getElementById("shortcuts");
    this.querySelector("button").addEventListener("click", () => this.dialog.showModal());
    const box = this.dialog.querySelector("[data-shortcuts-switch]");
    box.checked = localStorage.getItem("shortcuts") !== "off";
    box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
    document.addEventListener("keydown", (event) => box.checked && this.key(event));
  }

  key(event) {
    const busy = event.target.closest("input, select, textarea, dialog, [contenteditable]");
    if (busy || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
      return;
    }
    const second = this.waiting;
    clearTimeout(this.timer);
    this.waiting = event.key === "g" && !second;
    this.timer = setTimeout(() => (this.waiting = false), 1200);
    if (second && /^[a-z]$/.test(event.key)) {
      document.querySelector(`[data-shortcut="${event.key}"]`)?.click();
    } else if (event.key === "?") {
      this.dialog.showModal();
    } else if (event.key === "/") {
      const field = document.querySelector("ui-filter input");
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    }
  }
}

customElements.define("ui-copy", Copy);
customElements.define("ui-menu", Menu);
customElements.define("ui-theme", Theme);
customElements.define("ui-password", Password);
customElements.define("ui-filter", Filter);
customElements.define("ui-dual-list", DualList);
customElements.define("ui-tabs", Tabs);
customElements.define("ui-relock", Relock);
customElements.define("ui-shortcuts", Shortcuts);

// A refused form: the summary gets the focus, so that it is read and the links in it are next.
document.querySelector("[data-focus]")?.focus();
