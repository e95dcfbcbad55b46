// Calls every method of the original contract, by code that its stock generators make and by
// grpc-go, and prints what it receives: a JSON object on each line, in the order of each call.
// It ends when it has received what it waits for, with success unless a call failed.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley.example/go-client/gen/chat"
)

const room = "general"

// Far longer than the calls take: a server that does not answer must not hang the program.
const timeout = 2 * time.Minute

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	check("connect", err)
	defer connection.Close()
	client := chat.NewChatServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()

	var calls sync.WaitGroup
	subscribed := make(chan struct{})
	calls.Go(func() { subscribe(ctx, client, subscribed) })
	calls.Go(func() { streamMetrics(ctx, client) })
	<-subscribed
	send(ctx, client)
	upload(ctx, client)
	converse(ctx, client)
	calls.Wait()
}

func send(ctx context.Context, client chat.ChatServiceClient) {
	response, err := client.SendMessage(ctx, &chat.SendMessageRequest{
		User: "Ann", Content: "a single message", Room: room,
	})
	check("SendMessage", err)
	report("SendMessage", response)
}

// Receives the welcome, and all that the other calls send.
func subscribe(ctx context.Context, client chat.ChatServiceClient, subscribed chan<- struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.SubscribeMessages(ctx, &chat.SubscribeRequest{Room: room, User: "Ann"})
	check("SubscribeMessages", err)
	for count := range 7 {
		message, err := stream.Recv()
		check("SubscribeMessages", err)
		report("SubscribeMessages", message)
		if count == 0 {
			close(subscribed)
		}
	}
}

func upload(ctx context.Context, client chat.ChatServiceClient) {
	stream, err := client.UploadMessages(ctx)
	check("UploadMessages", err)
	for number := range 3 {
		check("UploadMessages", stream.Send(message("Ben", fmt.Sprintf("uploaded %d", number))))
	}
	response, err := stream.CloseAndRecv()
	check("UploadMessages", err)
	report("UploadMessages", response)
}

// Sends one message after the answer to the other, and waits for a sign of life.
func converse(ctx context.Context, client chat.ChatServiceClient) {
	stream, err := client.Chat(ctx)
	check("Chat", err)
	for number := range 3 {
		if number < 2 {
			check("Chat", stream.Send(message("Cleo", fmt.Sprintf("said %d", number))))
		}
		answer, err := stream.Recv()
		check("Chat", err)
		report("Chat", answer)
	}
	check("Chat", stream.CloseSend())
}

func streamMetrics(ctx context.Context, client chat.ChatServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.StreamMetrics(ctx, &chat.MetricsRequest{InstanceId: "one", IntervalSeconds: 1})
	check("StreamMetrics", err)
	for range 10 {
		metric, err := stream.Recv()
		check("StreamMetrics", err)
		report("StreamMetrics", metric)
	}
}

func message(user, content string) *chat.Message {
	return &chat.Message{
		Id: "mine", User: user, Content: content, Room: room,
		Timestamp: timestamppb.Now(), Type: chat.MessageType_CHAT,
	}
}

var printing sync.Mutex

func report(call string, received proto.Message) {
	json, err := protojson.Marshal(received)
	check(call, err)
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("{\"call\":%q,\"received\":%s}\n", call, json)
}

func check(call string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", call, err)
	}
}
