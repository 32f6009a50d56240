"""What is generated and then kept: pages of docs/, and the transcript behind the API reference's examples."""
