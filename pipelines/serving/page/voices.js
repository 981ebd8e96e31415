// The list of voices: searched, heard and chosen.

const ACCENTS = { US: "American", GB: "British" };

/** "af_bella" -> "Bella"; the letters before it say what the facts say. */
export function shownName(id) {
    const name = id.replace(/^[a-z]{2}_/, "");
    return name.charAt(0).toUpperCase() + name.slice(1);
}

/** What is known of a voice, as one line. */
export function facts(row) {
    if (row.standing) return "its default speaker";
    return [row.sex, ACCENTS[row.accent] ?? row.accent, row.about].filter(Boolean).join(", ");
}

/** A colour of its own for a name, as an angle in degrees. */
export function hue(id) {
    let sum = 0;
    for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
    return sum;
}

/**
 * The dialog. Dispatches "choose" when another voice is chosen and "sample", with detail.id, when one is to be heard.
 * `chosen` is the row of the chosen voice, as GET /v1/audio/voices has it.
 */
export class Voices extends EventTarget {
    constructor(dialog) {
        super();
        this.dialog = dialog;
        this.list = dialog.querySelector("#voice-list");
        this.search = dialog.querySelector("#search");
        this.none = dialog.querySelector("#none-found");
        this.chosen = null;
        this.search.addEventListener("input", () => this.filter());
        dialog.querySelector("#voices-done").addEventListener("click", () => dialog.close());
        dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
    }

    /** Show these rows; the first speaks unless another is chosen. Names that only stand for another voice are found by. */
    fill(rows) {
        const aliases = rows.filter((row) => row.alias_of);
        const own = rows.filter((row) => !row.alias_of);
        const also = (row) => aliases.filter(({ alias_of }) => alias_of === row.id).map(({ id }) => id);
        // A voice of many people is also a name by itself.
        const standing = (row) => row.id === row.voice && own.filter(({ voice }) => voice === row.voice).length > 1;
        this.rows = own.map((row) => ({ ...row, also: also(row), standing: standing(row) }));
        this.list.replaceChildren(...[...new Set(own.map((row) => row.voice))].map((voice) => this.group(voice)));
        this.choose(this.rows.find((row) => row.id === this.chosen?.id) ?? this.rows[0]);
    }

    open() {
        this.search.value = "";
        this.filter();
        this.dialog.showModal();
        this.list.querySelector(":checked")?.scrollIntoView({ block: "center" });
    }

    choose(row) {
        this.chosen = row;
        this.list.querySelector(`[value="${CSS.escape(row.id)}"]`).checked = true;
        this.dispatchEvent(new Event("choose"));
    }

    group(voice) {
        const group = document.createElement("fieldset");
        const title = document.createElement("legend");
        title.textContent = voice;
        group.append(title, ...this.rows.filter((row) => row.voice === voice).map((row) => this.item(row)));
        return group;
    }

    item(row) {
        const item = document.createElement("div");
        item.className = "voice";
        item.dataset.words = [row.id, shownName(row.id), facts(row), ...row.also].join(" ").toLowerCase();
        const sample = document.createElement("button");
        sample.type = "button";
        sample.className = "face";
        sample.style.setProperty("--hue", hue(row.id));
        sample.setAttribute("aria-label", `Hear ${row.id}`);
        sample.addEventListener("click", () => this.dispatchEvent(new CustomEvent("sample", { detail: row })));
        const label = document.createElement("label");
        const radio = document.createElement("input");
        Object.assign(radio, { type: "radio", name: "voice", value: row.id });
        radio.addEventListener("change", () => this.choose(row));
        radio.addEventListener("click", ({ detail }) => detail && this.dialog.close()); // the arrow keys only choose
        const name = document.createElement("strong");
        name.textContent = shownName(row.id);
        const about = document.createElement("small");
        about.textContent = [facts(row), ...row.also.map((alias) => `also ${alias}`)].filter(Boolean).join(" · ");
        const id = document.createElement("code");
        id.textContent = row.id;
        label.append(radio, name, id, about);
        item.append(sample, label);
        return item;
    }

    filter() {
        const wanted = this.search.value.toLowerCase().split(/\s+/);
        let found = 0;
        for (const item of this.list.querySelectorAll(".voice")) {
            const words = item.dataset.words.split(/[\s,]+/); // from their beginning: "male" is not in "female"
            item.hidden = !wanted.every((part) => words.some((word) => word.startsWith(part)));
            found += !item.hidden;
        }
        for (const group of this.list.children) group.hidden = !group.querySelector(".voice:not([hidden])");
        this.none.textContent = found ? "" : `No voice has “${this.search.value}”.`;
    }
}
