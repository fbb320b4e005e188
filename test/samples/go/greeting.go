package main

const greeting = "example.com"
