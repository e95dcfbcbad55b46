export {
  type ListMessagesResponse,
  type ListRoomsResponse,
  type Message,
  MessageType,
  type Metric,
  type Room,
} from "@parley/proto/chat/v1";
export type { ChatMessage } from "./chat/chat.ts";
export { type AbortOptions, type ChatClient, createChatClient } from "./chat-client.ts";
export type { BackoffOptions, ChatClientOptions } from "./chat-client-options.ts";
export { metricUnit } from "./metrics/metric-unit.ts";
export type { MetricsOptions, MetricsRequest } from "./metrics/stream-metrics.ts";
export type { HistoryRequest, ListMessagesRequest, ListRoomsRequest } from "./pages/pages.ts";
export { oldestKept, type Position } from "./position/position.ts";
export { PositionOutOfRangeError } from "./position/position-out-of-range-error.ts";
export type { OutgoingMessage, SendResult } from "./send/send-message.ts";
export type {
  SharedMessage,
  SharedSendResult,
  SharedStream,
  SharedStreamOptions,
  SharedStreamState,
  SharedSubscription,
  SharedSubscriptionRequest,
} from "./shared-stream/shared-stream.ts";
export type { StreamState } from "./streams/stream-state.ts";
export type {
  SubscribeOptions,
  SubscribeRequest,
  Subscription,
  SubscriptionState,
} from "./subscription/subscription.ts";
export { parseUploadLine, type UploadDefaults } from "./upload/parse-upload-line.ts";
export { type NumberedLine, type ReadLinesOptions, readLines } from "./upload/read-lines.ts";
export { UploadError } from "./upload/upload-error.ts";
export { UploadLineError } from "./upload/upload-line-error.ts";
export type { UploadMessage, UploadOptions, UploadResult } from "./upload/upload-messages.ts";
