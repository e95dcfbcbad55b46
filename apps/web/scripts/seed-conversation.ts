import type { UploadMessage } from "@parley/client";

/** What the pictures show: the same each time, told backwards from now. */
export function* conversation(nowMs: number): Generator<UploadMessage> {
  for (const [room, user, minutesAgo, content] of lines) {
    yield { room, user, content, timestamp: new Date(nowMs - minutesAgo * 60_000) };
  }
}

type Line = readonly [room: string, user: string, minutesAgo: number, content: string];

const day = 24 * 60;
const grace = "Grace Hopper";
const ken = "Ken Thompson";
const radia = "Radia Perlman";
const edsger = "Edsger Dijkstra";

const lines: readonly Line[] = [
  ["announcements", grace, 3 * day, "Version 2.4 is out. Thank you, all of you."],
  ["design", radia, 5 * day, "The new diagrams are in the shared folder."],
  ["incidents", ken, 2 * day, "All clear: the disk was replaced."],
  ["random", edsger, 2 * day + 30, "Who took my pencil?"],
  ["support", radia, day + 60, "Two tickets left for today."],
  ["general", grace, day + 95, "Reminder: we move the staging cluster tomorrow morning."],
  ["general", ken, day + 92, "Before or after stand-up?"],
  ["general", grace, day + 91, "Before. I would like to have the whole day if something breaks."],
  ["general", ken, day + 90, "Sensible."],
  ["general", grace, 74, "Good morning! I am about to start with the move."],
  ["general", grace, 74, "Messages keep their sequence, so nobody should notice anything."],
  ["general", radia, 71, "How long will it be down?"],
  [
    "general",
    grace,
    70,
    "A few seconds. Readers come back by themselves and go on where they were:\n\n  1. stop the old one, which lets everyone finish\n  2. copy the data folder\n  3. start the new one on the same port",
  ],
  [
    "general",
    ken,
    66,
    "Subscribed with three clients to see whether one of them misses a message.",
  ],
  ["general", ken, 66, "So far: 41,208 messages, none missing, none twice."],
  ["general", edsger, 52, "Testing shows the presence, not the absence of bugs."],
  ["general", ken, 51, "I knew that you would say that."],
  ["general", grace, 34, "Moved. That was 2.1 seconds from the last message to the next."],
  ["general", radia, 31, "I did not even see the dot turn yellow."],
  ["general", ken, 30, "Same here, no gap in any of the three: 52,977 and counting."],
  ["general", grace, 12, "Then I call it done. Lunch?"],
  ["general", radia, 11, "Lunch."],
  ["general", "Ada Lovelace", 9, "On my way."],
  ["support", ken, 8, "I take the first one."],
  ["support", radia, 6, "Then the other one is mine."],
];
