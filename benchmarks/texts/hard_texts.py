"""Two hundred texts that speech synthesisers get wrong: too short, too long, repeated, or not written as spoken."""

WORDS = """A|I|Z|x|No|Yes|Hi!|Oh?|Go.|Why?|Eh|Hm, no.|OK|Wow!|Yacht|Colonel|Queue|Rhythm|Squirrel|Choir|Through
Worcestershire
Antidisestablishmentarianism|pneumonoultramicroscopicsilicovolcanoconiosis|supercalifragilisticexpialidocious
Donaudampfschifffahrtsgesellschaft|qwertzuiopasdfghjklyxcvbnmqwertzuiop|zzz|Brrr!|Aaaaaaah!|Hahahaha!"""

REPEATS = """no no no no no no no no no no no no|very very very very very very very very very very very very good
one one one one one one one one one one one one|la la la la la la la la la la la la
the the the the the the the the the the the the|Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.
ten, ten, ten, ten, ten, ten, ten, ten, ten, ten, ten, ten|Stop! Stop! Stop! Stop!
A rose is a rose is a rose is a rose.|He had had had, where she had had had had.
I said that that that that man wrote was wrong.
Again and again and again and again and again and again and again.|B B B B B B B B B B B B|Row, row, row your boat."""

TWISTERS = """She sells sea shells by the sea shore.|Peter Piper picked a peck of pickled peppers.
How much wood would a woodchuck chuck if a woodchuck could chuck wood?|The sixth sick sheikh's sixth sheep's sick.
Red lorry, yellow lorry, red lorry, yellow lorry.|Unique New York, unique New York, you know you need unique New York.
I scream, you scream, we all scream for ice cream.|Six slick slim sycamore saplings.|Toy boat, toy boat, toy boat.
Betty bought a bit of better butter.|Fuzzy Wuzzy was a bear, Fuzzy Wuzzy had no hair.
Irish wristwatch, Swiss wristwatch.
The thirty-three thieves thought that they thrilled the throne throughout Thursday.|Truly rural.
Rubber baby buggy bumpers."""

NUMBERS = """7|42|100|1,000|1234567|100,000,000|3.14159|0.5|-7|1/2|3 3/4|50%|99.9%|1st, 2nd, 3rd and 24th|No. 5
World War II|Chapter IX
007|The year 1999|The 1980s were loud.|In 2024 there were 366 days.|$3.50|$1,234.56|€9.99|$1.5 million|¥500|5 cents
2024-11-24|11/24/2024|November 24, 2024|24 Nov 2024|July 4th, 1776|Mon, Jan 3|10:45|10:45am|5 p.m.|00:00|23:59:59
from 9 to 5
+1 (555) 123-4567|Call 911 now!|Flight BA 2490 leaves from gate B42.|5'11"|20°C|-40°F|60 mph|10 kg|3 x 4 = 12|2 + 2 = 4
90210
9 8 7 6 5 4 3 2 1 0|They won 3-2 in 1966.|ISBN 978-0-14-044913-6|192.168.0.1|v2.10.3|H2O and CO2|50/50
Louis XIV lost $2.5bn in Q3."""

SIGNS = """user.name@example.com|Write to info@example.org, please.|https://example.org/a?b=1|www.example.com
Visit example.com/help today.
C++|C#|#hashtag @user|AT&T|R&B|Mr. & Mrs. Smith|rock 'n' roll|and/or|file_name.txt|~50|a*b|100% sure!!!|5 > 3 < 7
(in parentheses)
[in brackets]|"Quoted," she said.|'Single,' he said.|“Curly,” they said, ‘really?’|«Guillemets»|yes—no|well...
Well… maybe|Wait, what?!
Really?!?!|Hello , world !|Hello,world.Again|one;two:three|no space.At all|-- dash first|…and then it ended
What (the) "heck" - is; this: thing?
naïve café résumé|Zoë and Noël|São Paulo|Hello 🙂 there|Tick ✓ and star ★ and arrow →|* a bullet|1. First item
Tabs\tand\tmore    spaces"""

LETTERS = """THIS IS ALL CAPS|STOP! DANGER! KEEP OUT!|iPhone and eBay|NASA, the FBI and the CIA|I.B.M.|U.S.A.|Ph.D.
e.g. this, i.e. that
Dr. Smith lives on St. John St.|Prof. O'Brien vs. Lt. Col. McDonald|etc., etc.|a.m. or p.m.|A B C D E F G
X-ray, T-shirt and U-turn
J. R. R. Tolkien|HTML, CSS and JSON|SQL or MySQL|PIN, LED and ASAP|aLtErNaTiNg CaSe
mother-in-law's state-of-the-art do-it-yourself kit
y'all'd've|O'Reilly's|the '90s|ya'll ain't gonna wanna|I'd've thought you'd've known."""

SENTENCES = [
    "The complex houses married and single soldiers and their families.",
    "The old man the boat.",
    "I read what you read; now read it again, and I will have read it too.",
    "The wind was too strong to wind the sail, so they wound the bandage round the wound.",
    "He thought, though tough, that through a thorough plough he had enough dough to cough and hiccough.",
    "To be, or not to be: that is the question.",
    "She asked, \"Did he say, 'Never again'?\" and nobody, not even Dr. Who, knew.",
    "Yes.\nNo.\n\nMaybe.",
    "First line\nsecond line\nthird line",
    "word " * 60,
    "and so, " * 40 + "we end.",
    "This sentence has no punctuation at all and goes on and on about a road that goes on and on past farms and fields "
    "and rivers and hills until nobody who walks on it can remember where it began or why they wanted to walk on it",
]

PARAGRAPH = """
The lighthouse at the end of the long stone pier had been dark for eleven years when the new keeper came. Nobody in
the village had asked for a keeper, and nobody could say who had sent him, but he arrived one grey morning in October
with a leather case, a brass telescope, and a small brown dog that would not bark. He walked the whole length of the
pier without looking back, opened the iron door with a key that nobody had seen before, and went in. An hour later a
thin line of smoke rose from the chimney, and the women who were mending nets by the harbour wall put down their
needles to watch it. "He will not stay," said the oldest of them. "The last one stayed for three winters, and the one
before him only for two." The others nodded, because she had always been right about the weather, and a keeper is only
another kind of weather. But the smoke rose the next day, and the day after that, and by the end of the month people
had stopped looking at it. They saw him twice a week, when he came to buy bread, lamp oil, and the cheapest tobacco in
the shop. He was polite, he paid with old coins, and he answered every question with a question of his own. Where did
he come from? Where does anyone come from? How long would he stay? How long does the sea stay? The shopkeeper, who
liked plain answers, gave up asking after the second week, and talked to the dog instead. The dog listened with its
head on one side, and it seemed to the shopkeeper that it understood rather more than was comfortable. Then the storms
began. They came out of the north-west, one behind the other, like carriages of a train that has no end, and for nine
days no boat could leave the harbour. On the ninth night the wind tore the roof from the boathouse and threw it into
the churchyard, where it lay among the graves like a great broken bird. Children were brought down into cellars.
Candles were lit and blown out again. And at the very worst hour, when even the oldest woman had begun to pray, a beam
of white light swept over the roofs, over the harbour, and out across the black water, and came round again, slow and
steady, as though it had never been away. They ran to their windows. Far out, beyond the last of the rocks, where
there should have been nothing at all, they saw a ship. She was large, she had lost two of her three masts, and she
was turning helplessly toward the reef. Again the light passed over her, and again, and those who knew the sea could
tell that her captain had seen it, because her bow began to come round, little by little, wave after wave, until she
pointed at the narrow channel between the rocks and the pier. It took her most of the night. When she lay at last in
the quiet water behind the wall, with forty frightened people on her deck, the sky in the east was already turning
yellow, and the light went out. They went to thank him, of course. The whole village walked along the pier that
morning, with bread and cheese and a bottle of the good brandy, and the captain walked in front with his hat in his
hand. The iron door stood open. There was no fire in the grate, and there was no oil in the lamp; there was dust on
the stairs, thick and even, and there was not one footprint in it but their own. On the table under the window lay a
brass telescope, and beside it a leather case, and when the captain opened the case he found nothing inside except a
heap of old coins, exactly as many as had been paid for bread and oil and tobacco. Nobody spoke for a while. Then,
from somewhere high above them, near the great glass eye of the lamp, they heard a dog bark, once, as if to say that
all was well. They left the bread and the cheese on the table. They left the brandy too, after some discussion, and
they locked the door behind them with care, although they had no key, and although it had, as far as anyone could
remember, never had a lock. Since that winter the village has kept the lamp itself. Every evening, when the sun
touches the water, somebody walks to the end of the pier, climbs the ninety-one steps, and lights it. They take turns.
It is cold work, and nobody is paid for it. But no ship has been lost on those rocks since.
"""

GROUPS = (WORDS, REPEATS, TWISTERS, NUMBERS, SIGNS, LETTERS)
HARD_INPUTS = [text for group in GROUPS for line in group.splitlines() for text in line.split("|")]
HARD_INPUTS += [*SENTENCES, " ".join(PARAGRAPH.split())]
