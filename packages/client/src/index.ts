export {
  type ListMessagesResponse,
  type ListRoomsResponse,
  type Message,
  MessageType,
  type Metric,
  type Room,
} from "@parley/proto/chat/v1";
export type { ChatMessage } from "./chat.ts";
export { type AbortOptions, type ChatClient, createChatClient } from "./chat-client.ts";
export type { BackoffOptions, ChatClientOptions } from "./chat-client-options.ts";
export { PositionOutOfRangeError, UploadError } from "./errors.ts";
export { metricUnit } from "./metric-unit.ts";
export { type NumberedLine, type ReadLinesOptions, readLines } from "./numbered-lines.ts";
export type { HistoryRequest, ListMessagesRequest, ListRoomsRequest } from "./pages.ts";
export { oldestKept, type Position } from "./position.ts";
export type { OutgoingMessage, SendResult } from "./send.ts";
export type {
  SharedMessage,
  SharedSendResult,
  SharedStream,
  SharedStreamOptions,
  SharedStreamState,
  SharedSubscription,
  SharedSubscriptionRequest,
} from "./shared-stream.ts";
export type { MetricsOptions, MetricsRequest } from "./stream-metrics.ts";
export type { StreamState } from "./stream-state.ts";
export type {
  SubscribeOptions,
  SubscribeRequest,
  Subscription,
  SubscriptionState,
} from "./subscription.ts";
export type { UploadMessage, UploadOptions, UploadResult } from "./upload.ts";
export { parseUploadLine, type UploadDefaults } from "./upload-line.ts";
export { UploadLineError } from "./upload-line-error.ts";
