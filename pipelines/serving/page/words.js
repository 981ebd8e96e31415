// Which word of the written text is being spoken.
//
// The server times words as they are said, "twelve dollars fifty"; the text has them as they are written, "$12.50".
// An alignment of least cost joins the two, sentence by sentence: the server says all words of a sentence when it begins,
// and when each is heard as it is spoken.

const OTHER = 1; // a word said otherwise than it is written, as Dr. is
const EXTRA = 0.8; // a word said that is not written
const FIGURE = 0.2; // the same behind a number or sign, which take many words
const UNSAID = 0.8; // a word written that is not said
const SENTENCE_END = 0.5; // worth of ending where a sentence seems to end
const AHEAD = 16; // words of the text that may be left out
const SIGNS = { "&": "and", "+": "plus", "@": "at", "%": "percent" };
const HOLD_S = 0.3; // for which a word is shown after its end

/** The words of a text: [{start, end, key, figure, last}], start and end in characters. */
export function written(text) {
    const found = [];
    for (const match of text.matchAll(/[^\s\u2010-\u2015-]+/gu)) {
        const core = /[\p{L}\p{N}\p{Sc}#@&%+].*[\p{L}\p{N}\p{Sc}%°]|[\p{L}\p{N}\p{Sc}#@&%+]/u.exec(match[0]);
        if (!core) continue;
        const start = match.index + core.index;
        const after = text.slice(start + core[0].length, start + core[0].length + 3);
        found.push({
            start,
            end: start + core[0].length,
            key: key(core[0]),
            figure: /[\p{N}\p{Sc}]|\p{L}[^\p{L}\p{M}'\u2019]+\p{L}/u.test(core[0]),
            last: /^[)"'\u201d\u2019]?([.!?:\u2026]|\s*\n|$)/u.test(after),
        });
    }
    return found;
}

function key(word) {
    return SIGNS[word] ?? word.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/**
 * For each word said the index of its word in `words`, by the alignment of least cost with any beginning of them.
 * @param {string[]} said keys
 * @param {{key: string, figure: boolean, last: boolean}[]} words
 * @returns {number[]} -1 = before the first
 */
export function align(said, words) {
    const width = words.length + 1;
    const costs = new Float64Array((said.length + 1) * width);
    const steps = new Uint8Array(costs.length); // 0 = written and not said, 1 = said and not written, 2 = both
    for (let i = 0; i <= said.length; i++) {
        for (let j = 0; j < width; j++) {
            if (!i && !j) continue;
            const at = i * width + j;
            const word = words[j - 1];
            const options = [
                j ? costs[at - 1] + (word.key ? UNSAID : FIGURE) : Infinity,
                i ? costs[at - width] + (word?.figure ? FIGURE : EXTRA) : Infinity,
                i && j ? costs[at - width - 1] + (word.key === said[i - 1] ? 0 : OTHER) : Infinity,
            ];
            steps[at] = options[1] <= options[2] ? (options[0] < options[1] ? 0 : 1) : options[0] < options[2] ? 0 : 2;
            costs[at] = options[steps[at]];
        }
    }
    let j = 0;
    const row = said.length * width;
    const total = (end) => costs[row + end] - (words[end - 1]?.last ? SENTENCE_END : 0);
    for (let end = 1; end < width; end++) if (total(end) < total(j)) j = end;
    const places = [];
    for (let i = said.length; i; ) {
        const step = steps[i * width + j];
        if (step) places[--i] = j - 1;
        if (step !== 1) j--;
    }
    return places;
}

/** Follows speech through the text that is being spoken. */
export class Follower {
    constructor(text) {
        this.words = written(text);
        this.next = 0; // word of the text with which the next sentence begins
        this.said = []; // for each word said its word of the text, undefined where there is none
        this.times = []; // of the words said, as far as they are known: {start_s, end_s}
        this.speaking = null; // the time of the one behind them, whose end is not known
    }

    /**
     * What has become known.
     * @param {{sentence?: string[], words: {start_time: number, end_time: number}[], speaking?: {start_time: number}}} news
     * all words of a sentence that begins; the times of those that have ended, s; the one behind them
     */
    add({ sentence, words, speaking }) {
        if (sentence) this.begin(sentence);
        for (const { start_time, end_time } of words) this.times.push({ start_s: start_time, end_s: end_time });
        this.speaking = speaking ? { start_s: speaking.start_time, end_s: Infinity } : null;
    }

    begin(sentence) {
        const near = this.words.slice(this.next, this.next + 2 * sentence.length + AHEAD);
        const places = align(sentence.map(key), near);
        this.said.push(...places.map((place) => near[Math.max(0, place)]));
        this.next += Math.max(0, ...places.map((place) => place + 1));
    }

    /** What is spoken at a time: {start, end} in characters of the text, or null. */
    at(time_s) {
        const times = this.speaking ? [...this.times, this.speaking] : this.times;
        const last = times.findLastIndex(({ start_s }) => start_s <= time_s);
        return last >= 0 && time_s < times[last].end_s + HOLD_S ? (this.said[last] ?? null) : null;
    }
}
