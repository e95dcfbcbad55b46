/** A test case of the client. */
export interface TestCase {
  /** The client's name for it. */
  readonly name: string;
  /** Flags for the client besides those that every case has. */
  readonly flags?: readonly string[];
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
  { name: "empty_unary" },
  { name: "large_unary" },
  { name: "client_streaming" },
  { name: "server_streaming" },
  { name: "ping_pong" },
  { name: "empty_stream" },
  { name: "timeout_on_sleeping_server" },
  { name: "cancel_after_begin" },
  { name: "cancel_after_first_response" },
  { name: "status_code_and_message" },
  { name: "special_status_message" },
  { name: "unimplemented_method" },
  { name: "unimplemented_service" },
  { name: "custom_metadata" },
  {
    name: "pick_first_unary",
    flags: ['--service_config_json={"loadBalancingConfig":[{"pick_first":{}}]}'],
  },
  { name: "rpc_soak", flags: [...soak, "--soak_iterations=1000"] },
  // A connection for each iteration.
  { name: "channel_soak", flags: [...soak, "--soak_iterations=200"] },
];
