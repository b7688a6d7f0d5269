/**
 * Topics of a Duplex server over one WebSocket that comes back by itself.
 *
 * It speaks duplex.v1.json (docs/reference/protocol.md). When the connection is
 * lost it waits, 0.5 to 20 s and longer each time, or as long as the server
 * asks, and connects again. A page that can be seen asks every 20 s whether the
 * connection still is one. Every subscription then goes on behind the last
 * message it received; if messages were lost it is told so, by "gap", before
 * the next one. What was published without an answer is sent again under the
 * same idempotency key, so that it is stored once.
 *
 * It works wherever there is a WebSocket: browsers, Node.js from 22, Deno, Bun.
 */

/** Text is a string, bytes are a Uint8Array, and everything else is what JSON.parse made. */
export type Value = unknown;

export interface SubscribeOptions {
  /** Begin behind this position, which `at` gave before, on any page and any day. */
  after?: string;
  /** Begin with the newest messages, so many (at most 1000), if there is no `after`. Not with a filter. */
  last?: number;
  /** Be told who is here. Not with a filter, like the next one. */
  presence?: boolean;
  /** Be counted as present under this name, at most 128 bytes. */
  as?: string;
  /**
   * False leaves out what this Duplex publishes. A message whose answer was lost with its
   * connection may come all the same.
   */
  self?: boolean;
}

export interface DuplexOptions extends SubscribeOptions {
  /** The topic of send, or a filter. It is subscribed to with the other options, as `subscription`. */
  topic?: string;
  /**
   * What to log in with, or a function that is asked for it with each connection, so also when
   * the last token has expired. A function that throws is asked again later; a token that the
   * server refuses ends this Duplex.
   */
  token?: string | (() => string | Promise<string>);
  /** How much may wait for an answer, in bytes of JSON. 1048576 by default. */
  maxQueue?: number;
  /** The class to connect with. By default that of the browser or the runtime. */
  WebSocket?: new (url: string, protocol: string) => WebSocket;
}

export interface PublishOptions {
  /** What the message is the latest state of. The value undefined removes it. */
  key?: string;
  /** The idempotency key, at most 128 bytes. By default a new one. */
  id?: string;
}

/**
 * What went wrong. The codes are those of the protocol and "closed" (this Duplex is) and
 * "queue_full" (`maxQueue`).
 */
export interface DuplexError extends Error {
  code: string;
  /** Whether the same may succeed later. What is worth it has been tried again already. */
  retry?: boolean;
}

export interface MessageEvent extends Event {
  topic: string;
  data: Value;
  /** The position behind this message. */
  at: string;
  /** When the server took it, in milliseconds since 1970. */
  ts: number;
  /** What it is the latest state of. */
  key?: string;
  /** Who published it, if the server knows. */
  by?: string;
}

/** Messages were lost before this position. */
export interface GapEvent extends Event {
  at: string;
}

export interface PresenceEvent extends Event {
  /** How many are here. */
  count: number;
  /** Their names as far as they are known: in a full room some, see `more`. */
  here: Set<string>;
  /** Who came and who went, since the event before. */
  join: string[];
  leave: string[];
  /** Whether there are more than the event names. */
  more: boolean;
}

export interface ErrorEvent extends Event {
  error: DuplexError;
}

/** The connection was lost ("waiting") or this Duplex is closed. */
export interface CloseEvent extends Event {
  code?: number;
  reason?: string;
}

interface SubscriptionEvents {
  message: MessageEvent;
  gap: GapEvent;
  presence: PresenceEvent;
  /** The server refused the subscription, or ended it; "close" follows. */
  error: ErrorEvent;
  close: Event;
}

/** The events of subscriptions come to their Duplex too, after they came to them. */
interface DuplexEvents {
  message: MessageEvent & { subscription: Subscription };
  gap: GapEvent & { subscription: Subscription };
  presence: PresenceEvent & { subscription: Subscription };
  /** Of a subscription, of send, of the token, or of the server. */
  error: ErrorEvent & { subscription?: Subscription };
  /** It is connected, for the first time or again. */
  open: Event;
  /** `state` has changed. */
  state: CloseEvent;
  /** It does not come back: it was closed, or the next connection would end the same way. */
  close: CloseEvent;
}

declare class Target<Events> extends EventTarget {
  addEventListener<Type extends keyof Events & string>(
    type: Type, listener: (event: Events[Type]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<Type extends keyof Events & string>(
    type: Type, listener: (event: Events[Type]) => void, options?: boolean | EventListenerOptions): void;
  removeEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;
}

/** A topic, or all that a filter matches, as one Duplex receives it. */
export class Subscription extends Target<SubscriptionEvents> {
  private constructor();
  readonly filter: string;
  /** The position behind the last message; give it as `after` to go on another time. */
  readonly at: string | undefined;
  /** Who is here, with `presence`. */
  readonly here: Set<string>;
  readonly count: number;
  onmessage: ((event: MessageEvent) => void) | null;
  ongap: ((event: GapEvent) => void) | null;
  onpresence: ((event: PresenceEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  onclose: ((event: Event) => void) | null;
  close(): void;
}

export class Duplex extends Target<DuplexEvents> {
  /** Connects at once. The URL may be relative to the page, and http or https. */
  constructor(url: string | URL, options?: DuplexOptions);
  readonly url: string;
  readonly state: "connecting" | "open" | "waiting" | "closed";
  /** As a WebSocket has it: 0 while it is connecting or waiting, 1 open, 3 closed. */
  readonly readyState: 0 | 1 | 3;
  /** When the next attempt begins, while it is waiting, in milliseconds since 1970. */
  readonly retryAt: number;
  /** How much waits for an answer, in bytes of JSON. */
  readonly bufferedAmount: number;
  /** The subscription of the option `topic`, and its position. */
  readonly subscription?: Subscription;
  readonly at: string | undefined;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: DuplexEvents["message"]) => void) | null;
  ongap: ((event: DuplexEvents["gap"]) => void) | null;
  onpresence: ((event: DuplexEvents["presence"]) => void) | null;
  onstate: ((event: CloseEvent) => void) | null;
  onerror: ((event: DuplexEvents["error"]) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;

  /** Publishes to the option `topic`. If that fails there is an event "error". */
  send(value: Value): void;

  /**
   * Publishes, now or when there is a connection, and resolves with the position of the
   * message once it is stored. It rejects with a DuplexError.
   */
  publish(topic: string, value: Value, options?: PublishOptions): Promise<string>;

  /**
   * Subscribes to a topic or a filter. A second subscription with the same filter ends the first.
   * It throws a DuplexError if this Duplex is closed.
   */
  subscribe(filter: string, options?: SubscribeOptions): Subscription;

  /**
   * Makes any request of the protocol but sub, such as { get: "orders.42", last: 20 } or
   * { who: "room.1" }, and resolves with its answer. It is made again if the connection is
   * lost before there is one; a pub without idem may then be stored twice.
   */
  request(body: object): Promise<any>;

  /** Ends the wait for the next attempt. */
  connect(): void;

  /** Closes for good. What waits for an answer rejects; await it before. */
  close(code?: number, reason?: string): void;
}

export {};
