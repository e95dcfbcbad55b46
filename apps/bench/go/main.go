// Command bench-grpc-go serves the chat contract with grpc-go and the code that its
// generators make, as the classic set-up does: rooms in memory, a channel of 100 messages
// for each subscriber, and what does not fit into it is dropped. It logs no calls.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	chatv1 "parley.example/bench/gen/chat/v1"
)

const (
	subscriberBuffer = 100
	aliveInterval    = 5 * time.Second
	maxStreams       = 1000
	maxMessageBytes  = 10 << 20
)

type subscriber chan *chatv1.Message

// rooms holds the subscribers of each room.
type rooms struct {
	mu     sync.RWMutex
	byName map[string]map[subscriber]struct{}
}

func (r *rooms) add(room string, s subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[room] == nil {
		r.byName[room] = make(map[subscriber]struct{})
	}
	r.byName[room][s] = struct{}{}
}

func (r *rooms) remove(room string, s subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byName[room], s)
}

// broadcast hands the message to the room's subscribers and drops it for those that are full.
func (r *rooms) broadcast(message *chatv1.Message) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for s := range r.byName[message.GetRoom()] {
		select {
		case s <- message:
		default:
		}
	}
}

type chatServer struct {
	chatv1.UnimplementedChatServiceServer
	rooms  rooms
	lastID atomic.Int64
}

func (s *chatServer) SendMessage(_ context.Context, request *chatv1.SendMessageRequest) (*chatv1.SendMessageResponse, error) {
	message := &chatv1.Message{
		Id:        "msg_" + strconv.FormatInt(s.lastID.Add(1), 10),
		User:      request.GetUser(),
		Content:   request.GetContent(),
		Room:      request.GetRoom(),
		Timestamp: timestamppb.Now(),
	}
	s.rooms.broadcast(message)
	return &chatv1.SendMessageResponse{MessageId: message.Id, Timestamp: message.Timestamp}, nil
}

func (s *chatServer) SubscribeMessages(request *chatv1.SubscribeRequest, stream chatv1.ChatService_SubscribeMessagesServer) error {
	messages := make(subscriber, subscriberBuffer)
	s.rooms.add(request.GetRoom(), messages)
	defer s.rooms.remove(request.GetRoom(), messages)

	welcome := fromServer("system", "Welcome to room "+request.GetRoom()+", "+request.GetUser()+"!", request.GetRoom())
	welcome.User = "System"
	if err := stream.Send(welcome); err != nil {
		return err
	}
	for {
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case message := <-messages:
			if err := stream.Send(message); err != nil {
				return err
			}
		}
	}
}

func (s *chatServer) UploadMessages(stream chatv1.ChatService_UploadMessagesServer) error {
	var count int32
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&chatv1.UploadResponse{MessageCount: count, Success: true})
		}
		if err != nil {
			return err
		}
		count++
		s.rooms.broadcast(message)
	}
}

func (s *chatServer) Chat(stream chatv1.ChatService_ChatServer) error {
	// A stream takes one sender at a time.
	var sending sync.Mutex
	send := func(message *chatv1.Message) error {
		sending.Lock()
		defer sending.Unlock()
		return stream.Send(message)
	}

	done := make(chan struct{})
	defer close(done)
	go func() {
		ticker := time.NewTicker(aliveInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				id := "server_" + strconv.FormatInt(now.Unix(), 10)
				if send(fromServer(id, "Server is alive!", "")) != nil {
					return
				}
			}
		}
	}()

	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		echo := fromServer("echo_"+message.GetId(), "Echo: "+message.GetContent(), message.GetRoom())
		if err := send(echo); err != nil {
			return err
		}
		s.rooms.broadcast(message)
	}
}

func fromServer(id, content, room string) *chatv1.Message {
	return &chatv1.Message{
		Id:        id,
		User:      "Server",
		Content:   content,
		Room:      room,
		Timestamp: timestamppb.Now(),
		Type:      chatv1.MessageType_SYSTEM,
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes),
	)
	chatv1.RegisterChatServiceServer(server, &chatServer{
		rooms: rooms{byName: make(map[string]map[subscriber]struct{})},
	})
	log.Fatal(server.Serve(listener))
}
