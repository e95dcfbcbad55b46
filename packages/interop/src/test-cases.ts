/** A test case of the client. */
export interface TestCase {
  /** The client's name for it. */
  readonly name: string;
  /** Flags for the client besides those that every case has. */
  readonly flags?: readonly string[];
  /** How many calls it makes of methods that there are; the lean path serves them all. */
  readonly callCount: number;
  /** Whether its client may give its call up before the server has seen it. */
  readonly mayNotArrive?: true;
}

const soak = [
  "--soak_num_threads=4",
  "--soak_overall_timeout_seconds=100",
  // It must lose no call; how fast it is depends on what else the machine does.
  "--soak_per_iteration_max_acceptable_latency_ms=10000",
];

/**
 * All that the Go client can do, without the cases of credentials that only Google's
 * clouds give out, and those of ORCA, a report of load that the host does not make.
 */
export const testCases: readonly TestCase[] = [
  { name: "empty_unary", callCount: 1 },
  { name: "large_unary", callCount: 1 },
  { name: "client_streaming", callCount: 1 },
  { name: "server_streaming", callCount: 1 },
  { name: "ping_pong", callCount: 1 },
  { name: "empty_stream", callCount: 1 },
  { name: "timeout_on_sleeping_server", callCount: 1, mayNotArrive: true },
  { name: "cancel_after_begin", callCount: 1, mayNotArrive: true },
  { name: "cancel_after_first_response", callCount: 1 },
  { name: "status_code_and_message", callCount: 2 },
  { name: "special_status_message", callCount: 1 },
  { name: "unimplemented_method", callCount: 0 },
  { name: "unimplemented_service", callCount: 0 },
  { name: "custom_metadata", callCount: 2 },
  {
    name: "pick_first_unary",
    flags: ['--service_config_json={"loadBalancingConfig":[{"pick_first":{}}]}'],
    callCount: 100,
  },
  { name: "rpc_soak", flags: [...soak, "--soak_iterations=1000"], callCount: 1_000 },
  // A connection for each iteration.
  { name: "channel_soak", flags: [...soak, "--soak_iterations=200"], callCount: 200 },
];
