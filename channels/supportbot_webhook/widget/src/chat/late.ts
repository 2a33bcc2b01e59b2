// The part of the chat that few visitors need: cards to fill in, and images on their way out.
import { Component, createRef, h } from "preact";
import { config, t } from "./config";
import { Icon } from "./icons";

export type Late = typeof import("../late/main");

/** What late.js uses of this file; build.mjs puts it in the place of its imports. */
const shared = { Component, createRef, h, config, t, Icon };

let coming: Promise<Late> | undefined;
let failures = 0;

/** Fetch it, once; after a failure the next call tries again, by another address: browsers remember failures. */
export const late = (): Promise<Late> =>
  (coming ??= import(config.late + (failures ? `&again=${failures}` : "")).catch((error) => {
    coming = undefined;
    failures++;
    throw error;
  }));

Object.assign(window, { SupportBotShared: shared });
