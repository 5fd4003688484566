// A gRPC server with Go's own health service: '' and "up" are SERVING, "down" is not. It prints its port.
package main

import (
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	health_v1 "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	options := []grpc.ServerOption{}
	if len(os.Args) == 3 {
		secured, err := credentials.NewServerTLSFromFile(os.Args[1], os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(secured))
	}
	server := grpc.NewServer(options...)
	service := health.NewServer()
	service.SetServingStatus("up", health_v1.HealthCheckResponse_SERVING)
	service.SetServingStatus("down", health_v1.HealthCheckResponse_NOT_SERVING)
	health_v1.RegisterHealthServer(server, service)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(server.Serve(listener))
}
